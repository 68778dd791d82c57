// A measurement as JSON ("rehome/probe/2", common/formats/probe.schema.json) and back.
//
// What is read is untrusted: it is checked against the schema, then the figures against each other.
// What is written again is what was read.
#pragma once

#include <string>
#include <string_view>

#include "probe/core/measurement.h"

namespace rehome::probe {

std::string to_json(const Measurement& measurement);

// file: the name that stands in the mistakes.
Checked<Measurement> parse_measurement(std::string_view file, std::string_view text);

}  // namespace rehome::probe
