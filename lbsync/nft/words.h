// Words of other programs: whether they are known.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

namespace rehome::lbsync {

bool in(std::string_view word, std::initializer_list<std::string_view> words);

// The string under a key; empty when there is none.
std::string text_at(const nlohmann::json& object, const char* key);

// Whether it is an object that has no other keys than these.
bool object_of(const nlohmann::json& value, std::initializer_list<std::string_view> keys);

// A JSON text; discarded when it is none, or nested deeper than any rule set.
nlohmann::json parse_bounded(std::string_view text);

}  // namespace rehome::lbsync
