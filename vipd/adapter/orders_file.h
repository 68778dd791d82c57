// The operator's orders on the disk ("rehome/vipd-orders/1"), so that they outlive vipd.
//
// The file is replaced as a whole, never changed, so that a crash at any time leaves the old or the
// new one.  One that cannot be read, or whose orders do not hold, is kept under another name beside
// it before it is replaced.  Nothing here stops vipd: what could not be stored is said, and tried
// again every second.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "common/error.h"
#include "vipd/state/resume.h"

namespace rehome::vipd {

class OrdersFile {
public:
    // Reads what the run before has left.
    OrdersFile(const Config& config, int64_t now_us);

    const Resumed& resumed() const { return resumed_; }

    // Stores what is in force where it differs from what stands there, and from time to time that
    // vipd is alive; at once: now.  True: whether it can be stored has changed.
    bool keep(const State& state, int64_t now_us, bool at_once = false);

    // Why what is in force is not stored; empty: it is.
    const std::string& trouble() const { return trouble_; }
    const std::string& path() const { return path_; }
    // Where the orders that do not hold are; empty: there are none.
    const std::string& kept_aside() const { return kept_aside_; }

private:
    Result<> store(const Stored& stored, int64_t now_us);
    Result<> keep_aside(int64_t now_us);

    std::string path_;
    Resumed resumed_;
    bool in_the_way_ = false;  // a file that has to be kept aside
    std::string kept_aside_;
    std::optional<Stored> stored_;  // what stands there, as of this run
    std::optional<Stored> tried_;
    std::string trouble_;
};

}  // namespace rehome::vipd
