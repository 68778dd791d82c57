// `lbsync put`: the far end of writing a file on another host.
//
// Replaces PATH by what comes on standard input, atomically and keeping its mode, but only while
// its content still has the digest that the caller saw, and if what came is whole: a line that is
// cut ends it early.
#pragma once

#include <string>

#include "common/error.h"

namespace rehome::lbsync {

// Of at most 64 MiB.
Result<std::string> read_standard_input();

// The same, of this digest.
Result<std::string> read_whole_input(const std::string& sha256);

Result<> put(const std::string& path, const std::string& expected_sha256,
             const std::string& new_sha256);

}  // namespace rehome::lbsync
