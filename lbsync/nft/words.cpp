#include "lbsync/nft/words.h"

#include <algorithm>

#include <nlohmann/json.hpp>

namespace rehome::lbsync {

bool in(std::string_view word, std::initializer_list<std::string_view> words) {
    return std::find(words.begin(), words.end(), word) != words.end();
}

std::string text_at(const nlohmann::json& object, const char* key) {
    const auto found = object.find(key);
    return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

bool object_of(const nlohmann::json& value, std::initializer_list<std::string_view> keys) {
    return value.is_object() && std::all_of(value.items().begin(), value.items().end(),
                                            [&](const auto& item) { return in(item.key(), keys); });
}

namespace {

// How deep objects and lists stand in each other; what stands in strings does not count.
size_t depth_of(std::string_view text) {
    size_t depth = 0;
    size_t deepest = 0;
    bool in_string = false;
    for (size_t i = 0; i < text.size(); ++i) {
        const char it = text[i];
        if (in_string) {
            i += it == '\\' ? 1 : 0;
            in_string = it != '"';
        } else if (it == '"') {
            in_string = true;
        } else if (it == '{' || it == '[') {
            deepest = std::max(deepest, ++depth);
        } else if ((it == '}' || it == ']') && depth > 0) {
            --depth;
        }
    }
    return deepest;
}

}  // namespace

// The depth is looked at first: a parser with a callback goes through a whole list at the end of
// each of its objects, which 100,000 elements of a set do not bear.
nlohmann::json parse_bounded(std::string_view text) {
    constexpr size_t deepest = 64;
    return depth_of(text) > deepest ? nlohmann::json(nlohmann::json::value_t::discarded)
                                    : nlohmann::json::parse(text, nullptr, false);
}

}  // namespace rehome::lbsync
