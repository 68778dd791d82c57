// `lbsync put`: the far end of writing a file on another host.
//
// Replaces PATH by what comes on standard input, atomically and keeping its mode,
// but only while its content still has the digest that the caller saw.
#pragma once

#include <string>

#include "common/error.h"

namespace rehome::lbsync {

// Of at most 64 MiB.
Result<std::string> read_standard_input();

Result<> put(const std::string& path, const std::string& expected_sha256);

}  // namespace rehome::lbsync
