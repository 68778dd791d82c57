// probe compare: a base result against a new one.
#include <fmt/format.h>

#include <algorithm>
#include <iostream>

#include "probe/adapter/measurement_reader.h"
#include "probe/command/commands.h"
#include "probe/command/terms.h"
#include "probe/core/compare.h"

namespace rehome::probe {

namespace {

constexpr char teaching[] =
    "Asks of each path of BASE, for its loss, its delay (median, 95th and 99th percentile) and "
    "its\n"
    "jitter, whether NOW is worse by more than is allowed. Exit code 0: no worse, shown for each\n"
    "figure of each path. 1: worse, shown for one. Each is said wrongly in one of forty cases at\n"
    "most. 4: neither can be shown, and why: most often for how many seconds to measure instead.\n"
    "\n"
    "Losses come in bursts, so that they are counted as periods, and a run of a few seconds shows\n"
    "little: with bursts of up to B seconds and P points allowed it takes 369 x B / P seconds.\n"
    "\n"
    "What cannot be told is not tried again, which would find its \"no worse\" by chance, but "
    "extended:\n"
    "plan how many measurements there may be at most by --looks, and add one after the other.\n"
    "\n"
    "Examples:\n"
    "  probe compare base.json now.json\n"
    "  probe compare base.json now.json --max-loss-increase 5 --max-delay-increase 20 --json\n"
    "  probe compare base.json now.json --looks 3\n"
    "  probe compare base.json now.json --looks 3 --extend more.json\n"
    "  probe compare base.json now.json --control-base blue-base.json --control-now blue.json\n";

const std::vector<Option> options = with_terms({
    Option::text("base", "the result before").shown_as("FILE").required().positional(),
    Option::text("now", "the result now").shown_as("FILE").required().positional(),
    Option::text("extend", "another result now, whose samples are added; may be repeated")
        .shown_as("FILE")
        .repeated(),
    Option::integer("looks", "how many results now there may be at most")
        .shown_as("N")
        .within(1, 100)
        .by_default("1"),
    Option::text("control-base", "of a carrier that did not move; may be repeated")
        .shown_as("FILE")
        .repeated(),
    Option::text("control-now", "of the same carriers, in the minutes of NOW")
        .shown_as("FILE")
        .repeated(),
    Option::flag("json", "print as JSON (rehome/probe-compare/1)"),
});

Terms looks_from(const Given& given) {
    Terms terms = terms_from(given);
    terms.looks = static_cast<uint32_t>(given.integer("looks"));
    return terms;
}

std::vector<Error> check(const Given& given, const Terms& terms) {
    std::vector<Error> mistakes = mistakes_in(terms);
    if (given.texts("control-base").size() != given.texts("control-now").size()) {
        mistakes.push_back({Exit::usage, "--control-now", "expected as often as --control-base"});
    }
    return mistakes;
}

// What cannot be read stands in mistakes, and an empty measurement in its place.
Measurement take(const std::string& path, std::vector<Error>& mistakes) {
    Checked<Measurement> read = read_measurement(path);
    if (read) {
        return std::move(*read);
    }
    mistakes.insert(mistakes.end(), read.error().begin(), read.error().end());
    return {};
}

Pair take_pair(const std::string& base, const std::vector<std::string>& nows,
               std::vector<Error>& mistakes) {
    Pair pair{take(base, mistakes), {}};
    for (const std::string& now : nows) {
        pair.now.push_back(take(now, mistakes));
    }
    return pair;
}

std::vector<Pair> take_controls(const Given& given, std::vector<Error>& mistakes) {
    std::vector<Pair> controls;
    const auto& bases = given.texts("control-base");
    const auto& nows = given.texts("control-now");
    for (size_t i = 0; i < std::min(bases.size(), nows.size()); ++i) {
        controls.push_back(take_pair(bases[i], {nows[i]}, mistakes));
    }
    return controls;
}

Result<Exit> act(const Given& given) {
    const Terms terms = looks_from(given);
    std::vector<Error> mistakes = check(given, terms);
    std::vector<std::string> nows{given.text("now")};
    const auto& more = given.texts("extend");
    nows.insert(nows.end(), more.begin(), more.end());
    const Pair pair = take_pair(given.text("base"), nows, mistakes);
    const std::vector<Pair> controls = take_controls(given, mistakes);
    if (!mistakes.empty()) {
        return print_mistakes(mistakes);
    }
    const Result<Comparison> comparison = compare(pair, controls, terms);
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
