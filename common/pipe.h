// A pipe, both ends closed when a program is executed.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <optional>

#include "common/fd.h"

namespace rehome {

struct Pipe {
    Fd read;
    Fd write;
};

// Nothing, with errno, where there are no descriptors left.
inline std::optional<Pipe> make_pipe() {
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0) {
        return std::nullopt;
    }
    return Pipe{Fd(ends[0]), Fd(ends[1])};
}

}  // namespace rehome
