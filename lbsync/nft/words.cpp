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

}  // namespace rehome::lbsync
