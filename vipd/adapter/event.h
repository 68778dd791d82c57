// An eventfd(2) that wakes who waits for it with poll(2); any thread signals it.
#pragma once

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>

#include "common/fd.h"

namespace rehome::vipd {

class Event {
public:
    bool there() const { return static_cast<bool>(fd_); }  // false: the system has none left
    int fd() const { return fd_.get(); }                   // readable once it was signalled

    void signal() const {
        const uint64_t one = 1;
        [[maybe_unused]] const auto written = ::write(fd_.get(), &one, sizeof one);  // full: it is
    }
    void drain() const {
        uint64_t count = 0;
        [[maybe_unused]] const auto taken = ::read(fd_.get(), &count, sizeof count);
    }

private:
    Fd fd_{eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)};
};

}  // namespace rehome::vipd
