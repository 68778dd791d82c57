// Something whose meaning cannot be known, so that nothing can be proven about where it stands.
#pragma once

#include <string>

namespace rehome::lbsync {

struct Doubt {
    std::string where;  // "netns:old-s1: table inet filter: chain input: handle 7"
    std::string what;
};

}  // namespace rehome::lbsync
