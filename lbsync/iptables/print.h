// What was read, as iptables-save and ipset save print it.
#pragma once

#include <string>

#include "lbsync/iptables/syntax.h"

namespace rehome::lbsync::iptables {

// What stands behind "-A CHAIN".
std::vector<Word> words_of(const Rule& rule);
std::string print(const Rule& rule);

std::string print(const IpSet& set);                             // the create line
std::string print(const IpSet& set, const SetElement& element);  // an add line

std::string print(const Save& save);  // counters are zero
std::string print(const Dump& dump);  // counters are zero

}  // namespace rehome::lbsync::iptables
