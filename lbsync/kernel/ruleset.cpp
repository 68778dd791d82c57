#include "lbsync/kernel/ruleset.h"

#include <algorithm>

namespace rehome::lbsync::kernel {

const Table* Ruleset::find(std::string_view family, std::string_view name) const {
    const auto found = std::find_if(tables.begin(), tables.end(), [&](const Table& table) {
        return table.family == family && table.name() == name;
    });
    return found == tables.end() ? nullptr : &*found;
}

std::string_view family_name(uint8_t family) {
    switch (family) {
        case 1:
            return "inet";
        case 2:
            return "ip";
        case 3:
            return "arp";
        case 5:
            return "netdev";
        case 7:
            return "bridge";
        case 10:
            return "ip6";
        default:
            return "";
    }
}

}  // namespace rehome::lbsync::kernel
