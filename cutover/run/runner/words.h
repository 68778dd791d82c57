// What the runner says of commands that have ended, in words for its journal.  Pure.
#pragma once

#include <string>
#include <vector>

#include "common/child.h"
#include "cutover/run/gate.h"

namespace rehome::cutover {

std::string took_text(int64_t from_us, int64_t to_us);  // "1.2 s"

std::string joined(const std::vector<std::string>& parts);

// Why a command did not do its work; empty when it did.
std::string failure(const Result<Finished>& ended, Seconds limit);

}  // namespace rehome::cutover
