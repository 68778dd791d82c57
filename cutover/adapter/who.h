// People as the kernel knows them: "alice (uid 1000)".  Thread-safe.
#pragma once

#include <sys/types.h>

#include <string>

namespace rehome::cutover {

std::string who(uid_t uid);

}  // namespace rehome::cutover
