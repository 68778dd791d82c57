// What a worker sleeps on in poll(2).
//
// A descriptor that has nothing but an error to tell (a twin that was deleted, a socket whose
// device is down) would wake it again at once, for ever: such a one rests for 100 ms, and its error
// is taken from it, so that it counts again when it works again.  One thread's own.
#pragma once

#include <poll.h>

#include <cstddef>
#include <map>
#include <vector>

#include "vipd/packet/micros.h"

namespace rehome::vipd {

class Waits {
public:
    void clear() { fds_.clear(); }
    // Unless it rests.  Its place, for readable().
    size_t add(int fd, Micros now);
    // Until one is readable, at most so long.
    void wait(Micros limit, Micros now);
    bool readable(size_t place) const { return (fds_[place].revents & POLLIN) != 0; }

private:
    std::vector<pollfd> fds_;
    std::map<int, Micros> rests_until_;
};

}  // namespace rehome::vipd
