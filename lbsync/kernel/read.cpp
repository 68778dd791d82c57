#include "lbsync/kernel/read.h"

#include "lbsync/kernel/faithful.h"

namespace rehome::lbsync {

Result<Reading> read_host(const kernel::HostRead& read, const std::string& where) {
    return read_ruleset(read.json, read.text, where).map([&](Reading reading) {
        auto more = kernel::doubts(read, where, belongs_to_others);
        reading.doubts.insert(reading.doubts.end(), more.begin(), more.end());
        return reading;
    });
}

}  // namespace rehome::lbsync
