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

nlohmann::json parse_bounded(std::string_view text) {
    constexpr int deepest = 64;
    bool too_deep = false;
    auto parsed = nlohmann::json::parse(
        text,
        [&too_deep](int depth, nlohmann::json::parse_event_t, nlohmann::json&) {
            too_deep |= depth > deepest;
            return true;
        },
        false);
    return too_deep ? nlohmann::json(nlohmann::json::value_t::discarded) : parsed;
}

}  // namespace rehome::lbsync
