// A measurement for a terminal: each figure with its waiting time, sampling and error beside it.
#pragma once

#include <string>

#include "probe/core/measurement.h"

namespace rehome::probe {

std::string to_text(const Measurement& measurement);

// What the lost ones are made of: "3 on the path, 2 answered late"; empty: none was lost.
std::string lost_kinds(const Figures& figures);

// What else happened: "2 duplicates, 1 reordered"; empty: nothing did.
std::string besides(const Figures& figures);

// By which interfaces probes left and answers came, where that was not the route's alone.
std::vector<std::string> other_interfaces(const Figures& figures);

// Of tcp: "up; the path is whole".
std::string service_text(const Figures& figures);

// Lost on the way there, and on the way back, as far as a reflector told.
std::string one_way_text(std::string_view name, const OneWay& way);

// What no carrier has to answer for: left out of the loss.
std::vector<std::string> own_losses(const Figures& figures);

// What `--dry-run` prints, and what stands above every result: from where, by which way, how.
std::string heading(const Plan& plan);
std::string route_line(const Path& path, const Route& route);

// Why the run did not do what it was to do, one line each: probes that had no way out, or were too
// large for it.
std::vector<std::string> failures_of(const Measurement& measurement);

}  // namespace rehome::probe
