// A report as plain text for a mail: 72 columns, ASCII but for names.  Pure.
#pragma once

#include <string>

#include "probe/report/report.h"

namespace rehome::probe {

// The verdicts first; what stands behind them below.
std::string to_text(const Report& report);

// The verdicts alone, as `probe report` prints them.
std::string verdicts_text(const Report& report);

}  // namespace rehome::probe
