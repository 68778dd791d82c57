// A measurement for a terminal: each figure with its waiting time, sampling and error beside it.
#pragma once

#include <string>

#include "probe/core/measurement.h"

namespace rehome::probe {

std::string to_text(const Measurement& measurement);

// What no carrier has to answer for: left out of the loss.
std::vector<std::string> own_losses(const Figures& figures);

// What `--dry-run` prints, and what stands above every result: from where, by which way, how.
std::string heading(const Plan& plan);
std::string route_line(const Path& path, const Route& route);

}  // namespace rehome::probe
