// Reads a measurement: a result ("rehome/probe/2"), or what a record says of its run.
#pragma once

#include <string>

#include "probe/core/measurement.h"

namespace rehome::probe {

Checked<Measurement> read_measurement(const std::string& path);

}  // namespace rehome::probe
