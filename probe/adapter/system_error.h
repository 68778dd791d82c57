// A failed system call as an Error.
#pragma once

#include <cerrno>
#include <cstring>
#include <string>

#include "common/error.h"

namespace rehome::probe {

// "WHERE: CALL: No such device"
inline tl::unexpected<Error> fail_system(std::string where, const std::string& call,
                                         int error = errno) {
    return fail(Exit::world, std::move(where), call + ": " + std::strerror(error));
}

}  // namespace rehome::probe
