// A report as one page that needs nothing else: style, graphs (dygraphs) and figures are in it, and
// its content security policy lets nothing else load or run.  Without JavaScript the tables say
// what the graphs show.  Pure.
#pragma once

#include <string>

#include "probe/report/report.h"

namespace rehome::probe {

std::string to_html(const Report& report);

}  // namespace rehome::probe
