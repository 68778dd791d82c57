#include "vipd/adapter/waits.h"

#include <sys/socket.h>

#include <ctime>

namespace rehome::vipd {

namespace {

constexpr Micros rest = 100'000;

}  // namespace

size_t Waits::add(int fd, Micros now) {
    const auto resting = rests_until_.find(fd);
    const bool rests = resting != rests_until_.end() && now < resting->second;
    if (resting != rests_until_.end() && !rests) {
        rests_until_.erase(resting);
    }
    fds_.push_back({rests ? -1 : fd, POLLIN, 0});  // poll(2) passes over what is negative
    return fds_.size() - 1;
}

void Waits::wait(Micros limit, Micros now) {
    const timespec time{limit / 1'000'000, limit % 1'000'000 * 1000};
    if (::ppoll(fds_.data(), fds_.size(), &time, nullptr) <= 0) {
        return;
    }
    for (const pollfd& fd : fds_) {
        if ((fd.revents & (POLLERR | POLLHUP | POLLNVAL)) != 0 && (fd.revents & POLLIN) == 0) {
            int error = 0;
            socklen_t size = sizeof error;
            getsockopt(fd.fd, SOL_SOCKET, SO_ERROR, &error, &size);
            rests_until_[fd.fd] = now + rest;
        }
    }
}

}  // namespace rehome::vipd
