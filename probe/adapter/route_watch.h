// Hears from the kernel that something changed that may change a route: routes, rules, next hops,
// links, addresses (rtnetlink(7) notifications).  What changed is asked anew, not read from them.
//
// Never blocks, needs no privilege.  Not thread-safe.
#pragma once

#include "common/error.h"
#include "common/fd.h"

namespace rehome::probe {

class RouteWatch {
public:
    static Result<RouteWatch> open();

    int fd() const { return fd_.get(); }
    // Whether anything changed since the last call; also when there was too much to be told.
    bool take();

private:
    explicit RouteWatch(Fd fd) : fd_(std::move(fd)) {}
    Fd fd_;
};

}  // namespace rehome::probe
