// On a terminal one line of standard error that is written over; elsewhere nothing.
#pragma once

#include <string>

namespace rehome::probe {

void show_progress(const std::string& line);
void end_progress();

}  // namespace rehome::probe
