#include "common/control_request.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "common/json/schema.h"
#include "common/json/text.h"

namespace rehome {

namespace {

using nlohmann::json;

constexpr std::string_view schema =
#include "common/formats/vipd-request.schema.inc"
    ;

const json& commands() {
    static const json definitions = json::parse(schema).at("definitions");
    return definitions;
}

std::vector<std::string> keys_of(const json& object) {
    std::vector<std::string> keys;
    for (const auto& [key, unused] : object.items()) {
        keys.push_back(key);
    }
    return keys;
}

void check(Mistakes& mistakes, const json& request) {
    const json name = request.is_object() ? request.value("command", json()) : json();
    if (name.is_string() && commands().contains(name.get<std::string>())) {
        check_schema(mistakes, request, commands().at(name.get<std::string>()));
        return;
    }
    std::string known;
    for (const auto& command : control_commands()) {
        known += (known.empty() ? "" : ", ") + command;
    }
    mistakes.add("/command", (name.is_string() ? in_quotes(name.get<std::string>()) + " is unknown"
                                               : "is missing") +
                                 ", expected one of " + known);
}

// A share has steps; the schema's multipleOf goes by remainders, which 33.33 has of 0.01.
void check_steps(Mistakes& mistakes, const json& request) {
    const json percent = request["command"] == "share" ? request.value("percent", json()) : json();
    const double steps = percent.is_number() ? percent.get<double>() * 100 : 0;
    if (std::abs(steps - std::round(steps)) > 1e-6) {
        mistakes.add("/percent", "is " + percent.dump() + ", expected a multiple of 0.01");
    }
}

std::string in_lines(Mistakes& mistakes) {
    std::string text;
    for (const Error& error : mistakes.take()) {
        text += (text.empty() ? "" : "\n") + error.text();
    }
    return text;
}

}  // namespace

std::vector<std::string> control_commands() {
    return keys_of(commands());
}

std::vector<std::string> request_keys(const std::string& command) {
    auto keys = keys_of(commands().at(command).at("properties"));
    std::erase(keys, "command");
    return keys;
}

Result<json> parse_object(std::string_view where, std::string_view text,
                          std::string_view expected) {
    Mistakes mistakes{std::string(where)};
    auto request = parse_json_text(mistakes, text);
    if (request && !request->is_object()) {
        mistakes.add("", "is no JSON object, expected " + std::string(expected));
    }
    if (!mistakes.none()) {
        return fail(Exit::usage, "", in_lines(mistakes));
    }
    return std::move(*request);
}

Result<json> parse_request(std::string_view where, std::string_view text) {
    return parse_object(where, text, "{\"command\":...} on one line");
}

std::string wrong_request(std::string_view where, const json& request) {
    Mistakes mistakes{std::string(where)};
    check(mistakes, request);
    if (mistakes.none()) {
        check_steps(mistakes, request);
    }
    return in_lines(mistakes);
}

}  // namespace rehome
