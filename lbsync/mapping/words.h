// Addresses and interfaces in the words of what has no typed fields: a match that is known again by
// its words, an act, a check.
#pragma once

#include <string>

#include <tl/expected.hpp>

#include "lbsync/mapping/interfaces.h"
#include "lbsync/mapping/mapping.h"

namespace rehome::lbsync {

// Refused are words in which something may stand that is mapped and that is not understood.
tl::expected<std::string, std::string> map_words(const std::string& words, const Mapping& mapping,
                                                 const Interfaces& interfaces);

}  // namespace rehome::lbsync
