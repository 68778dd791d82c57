#include "cutover/run/parameter.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>

#include "cutover/run/number.h"
#include "cutover/run/scope.h"

namespace rehome::cutover {

namespace {

using nlohmann::json;
using Value = tl::expected<std::string, std::string>;

constexpr size_t longest_name = 80;
constexpr double longest_s = 604'800;

std::string type_of(const json& parameter) {
    return parameter.value("type", "text");
}

bool has_bounds(const std::string& type) {
    return type == "number" || type == "integer" || type == "duration";
}

bool is_of_a_set(const std::string& type) {
    return type == "name" || type == "list";
}

struct Bounds {
    double min;
    double max;

    std::string text() const {
        return std::isinf(max)   ? (std::isinf(min) ? "any" : "at least " + number_text(min))
               : std::isinf(min) ? "at most " + number_text(max)
                                 : number_text(min) + " to " + number_text(max);
    }
};

Bounds bounds_of(const json& parameter) {
    const bool duration = type_of(parameter) == "duration";
    constexpr double infinity = std::numeric_limits<double>::infinity();
    return {parameter.value("min", duration ? 0 : -infinity),
            parameter.value("max", duration ? longest_s : infinity)};
}

Value read_number(const json& parameter, const std::string& value) {
    const std::string type = type_of(parameter);
    const Bounds bounds = bounds_of(parameter);
    const char* unit = type == "duration" ? " seconds (or 5m, 2h)" : "";
    const auto wrong = [&](const std::string& what) -> Value {
        return tl::unexpected(
            fmt::format("{} {}, expected {}{}", in_quotes(value), what, bounds.text(), unit));
    };
    const auto number = type == "duration" ? parse_duration(value) : parse_number(value);
    if (!number) {
        return wrong(fmt::format("is no {}", type));
    }
    if (type == "integer" && *number != std::floor(*number)) {
        return wrong("is not whole");
    }
    if (*number < bounds.min || *number > bounds.max) {
        return wrong("is out of bounds");
    }
    return number_text(*number);
}

bool is_name(std::string_view text) {
    constexpr std::string_view letters =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    return !text.empty() && text.size() <= longest_name && text.front() != '-' &&
           text.find_first_not_of(letters) == std::string_view::npos;
}

// The names of a set: the element "logins" binds is "login".
std::set<std::string> names_of(const std::string& set, const Inventory& inventory) {
    std::set<std::string> names;
    const auto found = walk(inventory, {}, set, {});
    const std::string bound = set.substr(0, set.size() - 1);
    for (const Variables& element : found ? found->elements : std::vector<Variables>()) {
        names.insert(element.at(bound));
    }
    return names;
}

std::string wrong_name(const json& parameter, const std::string& name, const Inventory& inventory) {
    if (!is_name(name)) {
        return fmt::format("{} is no name, expected up to {} letters, digits and ._-",
                           in_quotes(name), longest_name);
    }
    const std::string set = parameter.value("of", "");
    const auto known = set.empty() ? std::set<std::string>{name} : names_of(set, inventory);
    if (known.contains(name)) {
        return "";
    }
    return fmt::format("{} is none of the {}, expected one of {}", in_quotes(name), set,
                       fmt::join(known, ", "));
}

Value read_names(const json& parameter, const std::string& value, const Inventory& inventory) {
    std::set<std::string> seen;
    for (const std::string& name : split_list(value)) {
        std::string wrong = wrong_name(parameter, name, inventory);
        if (wrong.empty() && !seen.insert(name).second) {
            wrong = in_quotes(name) + " is named twice";
        }
        if (!wrong.empty()) {
            return tl::unexpected(wrong);
        }
    }
    return value;
}

Value read_text(const std::string& value) {
    const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20; };
    if (std::any_of(value.begin(), value.end(), is_control)) {
        return tl::unexpected(std::string("holds a control character, expected none"));
    }
    return value;
}

}  // namespace

std::vector<std::string> split_list(std::string_view text) {
    std::vector<std::string> parts;
    while (!text.empty()) {
        const size_t comma = std::min(text.find(','), text.size());
        parts.emplace_back(text.substr(0, comma));
        text.remove_prefix(std::min(comma + 1, text.size()));
    }
    return parts;
}

std::string wrong_declaration(const json& parameter) {
    const std::string type = type_of(parameter);
    if ((parameter.contains("min") || parameter.contains("max")) && !has_bounds(type)) {
        return "min and max belong to a number, an integer or a duration";
    }
    if (parameter.contains("of") && !is_of_a_set(type)) {
        return "of belongs to a name or a list";
    }
    const Bounds bounds = bounds_of(parameter);
    return bounds.min > bounds.max ? "min is above max" : "";
}

Value read_parameter(const json& parameter, const std::string& value, const Inventory& inventory) {
    const std::string type = type_of(parameter);
    if (has_bounds(type)) {
        return read_number(parameter, value);
    }
    if (type == "list") {
        return read_names(parameter, value, inventory);
    }
    if (type == "text") {
        return read_text(value);
    }
    const std::string wrong = wrong_name(parameter, value, inventory);
    return wrong.empty() ? Value(value) : tl::unexpected(wrong);
}

}  // namespace rehome::cutover
