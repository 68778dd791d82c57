// read(2), write(2).
#include "cutover/adapter/hand/lines.h"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

namespace rehome::cutover {

namespace {

// Of one call, so that who never stops talking holds up nobody else.
constexpr int reads_at_most = 64;

}  // namespace

LinesIn::Heard LinesIn::read(int fd, const std::function<void(std::string_view)>& take) {
    std::array<char, 65536> buffer;
    Heard result = Heard::nothing;
    for (int i = 0; i < reads_at_most && result != Heard::too_long; ++i) {
        const ssize_t got = ::read(fd, buffer.data(), buffer.size());
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return got < 0 && errno == EAGAIN ? result : Heard::end;
        }
        size_t searched = heard_.size();  // a long line comes in a thousand pieces
        heard_.append(buffer.data(), static_cast<size_t>(got));
        size_t begin = 0;
        for (size_t end = 0; (end = heard_.find('\n', searched)) != std::string::npos;
             searched = begin = end + 1) {
            take(std::string_view(heard_).substr(begin, end - begin));
        }
        heard_.erase(0, begin);
        result = heard_.size() > longest_ ? Heard::too_long : Heard::some;
    }
    return result;
}

void LinesOut::flush(int fd) {
    while (told_ < backlog_.size()) {
        const ssize_t count = write(fd, backlog_.data() + told_, backlog_.size() - told_);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count <= 0) {
            break;
        }
        told_ += static_cast<size_t>(count);
    }
    // Not after each write: of a long line a pipe takes a thousandth.
    if (told_ > backlog_.size() / 2 || told_ == backlog_.size()) {
        backlog_.erase(0, std::exchange(told_, 0));
    }
}

}  // namespace rehome::cutover
