// A report as JSON ("rehome/probe-report/1", common/formats/probe-report.schema.json): what the
// page and the mail say, for programs.  Pure.
#pragma once

#include <string>

#include "probe/report/report.h"

namespace rehome::probe {

std::string to_json(const Report& report);

}  // namespace rehome::probe
