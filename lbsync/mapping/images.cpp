#include "lbsync/mapping/images.h"

namespace rehome::lbsync {

Images Images::same() {
    return {[](const Interval& interval) { return interval; },
            [](const std::string& name) { return name; },
            [](uint64_t number, uint64_t) { return number; }};
}

Images Images::of(const Mapping& mapping, const Interfaces& interfaces) {
    return {[&mapping](const Interval& interval) { return mapping.map(interval); },
            [&interfaces](const std::string& name) { return map_interface(interfaces, name); },
            [&mapping](uint64_t mark, uint64_t mask) {
                return mapping.packet_marks().tested(mark, mask);
            }};
}

}  // namespace rehome::lbsync
