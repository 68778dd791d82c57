// One pass from left to right.
#include "cutover/run/variables.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace rehome::cutover {

namespace {

std::string known_names(const Variables& variables) {
    std::string names;
    for (const auto& [name, value] : variables) {
        names += (names.empty() ? "" : ", ") + name;
    }
    return names;
}

}  // namespace

std::string substitute(std::string_view text, const Variables& variables,
                       std::vector<std::string>& wrong) {
    std::string result;
    for (;;) {
        const size_t start = text.find("${");
        result += text.substr(0, start);
        if (start == std::string_view::npos) {
            return result;
        }
        if (start > 0 && text[start - 1] == '$') {
            result += "{";  // "$${": one "$" is there already
            text.remove_prefix(start + 2);
            continue;
        }
        const size_t end = text.find('}', start);
        if (end == std::string_view::npos) {
            wrong.push_back("${ without }, expected ${NAME}");
            return result;
        }
        const std::string_view name = text.substr(start + 2, end - start - 2);
        const auto found = variables.find(name);
        if (found != variables.end()) {
            result += found->second;
        } else {
            wrong.push_back(fmt::format("no variable {} here, expected one of: {}", in_quotes(name),
                                        known_names(variables)));
        }
        text.remove_prefix(end + 1);
    }
}

nlohmann::json substitute(const nlohmann::json& value, const Variables& variables,
                          const std::string& at, Mistakes& mistakes) {
    if (value.is_string()) {
        std::vector<std::string> wrong;
        std::string text = substitute(value.get_ref<const std::string&>(), variables, wrong);
        for (std::string& mistake : wrong) {
            mistakes.add(at, std::move(mistake));
        }
        return text;
    }
    nlohmann::json result = value;
    if (value.is_object()) {
        for (const auto& [key, member] : value.items()) {
            result[key] = substitute(member, variables, pointer_to(at, key), mistakes);
        }
    } else if (value.is_array()) {
        for (size_t i = 0; i < value.size(); ++i) {
            result[i] = substitute(value[i], variables, pointer_to(at, i), mistakes);
        }
    }
    return result;
}

}  // namespace rehome::cutover
