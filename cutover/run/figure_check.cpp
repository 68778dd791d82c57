#include "cutover/run/figure_check.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "common/formats/formats.h"
#include "common/json/path.h"
#include "cutover/run/figure.h"

namespace rehome::cutover {

namespace {

using nlohmann::json;
using Found = tl::expected<const json*, std::string>;

std::string keys(const json& root, const json* schema) {
    return fmt::format("{}", fmt::join(schema_keys(root, schema), ", "));
}

// One step down an array: by an index, or by a member that all of its objects may have.
Found into_list(const json& root, const json* schema, const std::string& part) {
    const json* items = resolved_schema(root, schema_below(root, schema, "0"));
    const size_t equals = part.find('=');
    const std::string key = part.substr(0, equals);
    if (equals == std::string::npos && part.find_first_not_of("0123456789") == std::string::npos) {
        return items;
    }
    if (equals == std::string::npos || !schema_keys(root, items).contains(key)) {
        return tl::unexpected(
            fmt::format("{} selects nothing in a list, expected an index or "
                        "KEY=VALUE with a key of {}",
                        in_quotes(part), keys(root, items)));
    }
    return items;
}

Found one_part(const json& root, const json* schema, const std::string& part) {
    if (schema_allows(root, schema, "array")) {
        return into_list(root, schema, part);
    }
    if (!schema_allows(root, schema, "object")) {
        return tl::unexpected(in_quotes(part) + " is below what has nothing below it");
    }
    const json* below = schema_below(root, schema, part);
    if (below == nullptr) {
        return tl::unexpected(fmt::format("{} is not there, expected one of {}", in_quotes(part),
                                          keys(root, schema)));
    }
    return resolved_schema(root, below);
}

// The schema of what the pointer leads to.
Found follow(const json& root, const std::string& pointer) {
    const json* schema = resolved_schema(root, &root);
    for (const std::string& part : pointer_parts(pointer)) {
        Found next = one_part(root, schema, part);
        if (!next) {
            return next;
        }
        schema = *next;
    }
    return schema;
}

std::string_view type_of(const std::variant<double, bool, std::string>& value) {
    return std::holds_alternative<double>(value) ? "number"
           : std::holds_alternative<bool>(value) ? "boolean"
                                                 : "string";
}

// Of what type the figure's value must be to be good.
std::string_view wanted_type(const Figure& figure) {
    const bool number = figure.min || figure.max || figure.counts() || !figure.of.empty();
    return number || !figure.equals ? "number" : type_of(*figure.equals);
}

class Check {
public:
    Check(const Format& format, Mistakes& mistakes)
        : printed_(fmt::format("what it prints (rehome/{}/1)", format.name)),
          root_(json::parse(format.schema)),
          mistakes_(mistakes) {}

    void leads(const std::string& pointer, std::string_view type, const std::string& at) {
        const Found found = follow(root_, pointer);
        if (!found) {
            mistakes_.add(at, fmt::format("leads nowhere in {}: {}", printed_, found.error()));
        } else if (!schema_allows(root_, *found, type)) {
            mistakes_.add(at, fmt::format("leads to no {} in {}", type, printed_));
        }
    }

    void leads_to_word(const std::string& pointer, const std::string& at) {
        const Found found = follow(root_, pointer);
        if (!found) {
            return mistakes_.add(at,
                                 fmt::format("leads nowhere in {}: {}", printed_, found.error()));
        }
        const bool word = std::any_of(words.begin(), words.end(), [&](std::string_view type) {
            return schema_allows(root_, *found, type);
        });
        if (!word) {
            mistakes_.add(at,
                          fmt::format("leads to no number, text or truth value in {}", printed_));
        }
    }

private:
    static constexpr std::array<std::string_view, 3> words{"number", "string", "boolean"};

    std::string printed_;
    json root_;
    Mistakes& mistakes_;
};

}  // namespace

void check_figures(const Sample& sample, const std::string& at, const std::vector<Placed>& figures,
                   Mistakes& mistakes) {
    if (sample.figures.empty() && sample.fresh.empty()) {
        return;
    }
    const PrintedFormat printed = printed_by(sample.command);
    if (!printed.ours) {
        return;
    }
    if (printed.format == nullptr) {
        return mistakes.add(at + "/command", printed.why);
    }
    Check check(*printed.format, mistakes);
    if (!sample.fresh.empty()) {
        check.leads(sample.fresh, "string", at + "/fresh");
    }
    for (size_t i = 0; i < sample.figures.size(); ++i) {
        const Figure& figure = sample.figures[i];
        check.leads(figure.pointer, wanted_type(figure), figures[i].at + "/pointer");
        if (!figure.of.empty()) {
            check.leads(figure.of, "number", figures[i].at + "/of");
        }
    }
}

void check_kept(const Step& step, Mistakes& mistakes) {
    if (step.was.empty()) {
        return;
    }
    const PrintedFormat printed = printed_by(step.check->command);
    if (!printed.ours) {
        return;
    }
    if (printed.format == nullptr) {
        return mistakes.add(step.at + "/check/command", printed.why);
    }
    Check check(*printed.format, mistakes);
    for (const auto& [name, pointer] : step.was) {
        check.leads_to_word(pointer, step.at + "/check/was/" + name);
    }
}

}  // namespace rehome::cutover
