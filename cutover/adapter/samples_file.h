// The samples that a run has kept (JOURNAL.d/samples.jsonl), for who looks.
#pragma once

#include <string>
#include <vector>

#include "cutover/run/now.h"

namespace rehome::cutover {

// The newest; none where there are none, or where they cannot be read.
std::vector<KeptSample> newest_samples(const std::string& journal);

}  // namespace rehome::cutover
