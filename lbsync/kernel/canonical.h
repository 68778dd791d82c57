// What the kernel runs in words that are equal exactly where it does the same: what is a program's
// own (userdata) or has no meaning but as a name (handles, the names of anonymous sets) is left
// out.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lbsync/kernel/normal_rule.h"

namespace rehome::lbsync::kernel {

// Lines that are equal exactly when two rules do the same to the same bytes.  Anonymous sets stand
// in them with what they hold.
std::vector<std::string> canonical(const NormalRule& rule, const Sets& sets);

// A set without its elements, an object, a chain without its rules: what is policy of it.
std::string canonical(const Node& node);

// A named set's declaration, without its name.
std::string declared(const Set& set);

// Of an anonymous set what it holds, of another its name.
std::string canonical(const Set& set);

// Where the bytes came from: "payload network[0012]+4".
std::string canonical(const Word& word, const std::vector<Source>& sources);

}  // namespace rehome::lbsync::kernel
