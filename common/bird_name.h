// Names that BIRD takes for a protocol or a constant: a letter or _, then letters, digits and _, at
// most 63 of them, and none of its own words (BIRD 2.0.12, conf/cf-lex.l).  Names in quotes, which
// it takes too, are not used.  Pure.
#pragma once

#include <string>
#include <string_view>

namespace rehome {

// What stands against it, and what was expected; empty: nothing.
std::string why_no_bird_name(std::string_view name);

}  // namespace rehome
