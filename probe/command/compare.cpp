// probe compare: a base result against a new one.
#include <fmt/format.h>

#include <iostream>

#include "common/json/file.h"
#include "probe/command/commands.h"
#include "probe/core/compare.h"
#include "probe/core/measurement_json.h"

namespace rehome::probe {

namespace {

constexpr char teaching[] =
    "Asks of each path of BASE, for its loss and for the median and the 95th percentile of its\n"
    "delay, whether NOW is worse by more than is allowed. Exit code 0: no worse, shown with 95 %\n"
    "confidence for each figure. 1: worse, shown likewise. 4: the samples are too few to show\n"
    "either; it says how many would do. Without loss and with 1 point allowed, about 370 a path "
    "do.\n"
    "\n"
    "Loss is compared by the difference of two proportions (Newcombe's interval from exact\n"
    "binomial ones), delay by order-statistic intervals. Both take the samples for independent.\n"
    "\n"
    "Examples:\n"
    "  probe compare base.json now.json\n"
    "  probe compare base.json now.json --max-loss-increase 0.5 --max-delay-increase 2 --json\n";

const std::vector<Option> options{
    Option::text("base", "the result before").shown_as("FILE").required().positional(),
    Option::text("now", "the result now").shown_as("FILE").required().positional(),
    Option::number("max-loss-increase", "allowed, in percentage points")
        .shown_as("PCT")
        .by_default("1"),
    Option::number("max-delay-increase", "allowed, of the median and of the 95th percentile")
        .shown_as("MS")
        .by_default("5"),
    Option::flag("json", "print as JSON (rehome/probe-compare/1)"),
};

// Two samples can never show that an increase is exactly none, so nothing allowed is no question.
std::vector<Error> check(const Allowance& allowance) {
    std::vector<Error> mistakes;
    if (allowance.loss_pct <= 0 || allowance.loss_pct > 100) {
        mistakes.push_back({Exit::usage, "--max-loss-increase", "expected over 0, at most 100"});
    }
    if (allowance.delay_ms <= 0) {
        mistakes.push_back({Exit::usage, "--max-delay-increase", "expected over 0"});
    }
    return mistakes;
}

Checked<Measurement> read_measurement(const std::string& path) {
    const Result<std::string> text = read_file(path);
    if (!text) {
        return tl::unexpected(std::vector{text.error()});
    }
    return parse_measurement(path, *text);
}

void append(std::vector<Error>& mistakes, const Checked<Measurement>& read) {
    if (!read) {
        mistakes.insert(mistakes.end(), read.error().begin(), read.error().end());
    }
}

Result<Exit> act(const Given& given) {
    const Allowance allowance{.loss_pct = given.number("max-loss-increase"),
                              .delay_ms = given.number("max-delay-increase")};
    const auto base = read_measurement(given.text("base"));
    const auto now = read_measurement(given.text("now"));
    std::vector<Error> mistakes = check(allowance);
    append(mistakes, base);
    append(mistakes, now);
    if (!mistakes.empty()) {
        return print_mistakes(mistakes);
    }
    const Result<Comparison> comparison = compare(*base, *now, allowance);
    if (!comparison) {
        return tl::unexpected(comparison.error());
    }
    std::cout << (given.has("json") ? to_json(*comparison) : to_text(*comparison));
    switch (comparison->verdict) {
        case Verdict::no_worse:
            return Exit::yes;
        case Verdict::worse:
            return Exit::no;
        case Verdict::cannot_tell:
            break;
    }
    return Exit::unknown;
}

}  // namespace

Command compare_command() {
    return {.name = "compare",
            .summary = "whether a result is worse than an earlier one",
            .teaching = teaching,
            .options = options,
            .act = act};
}

}  // namespace rehome::probe
