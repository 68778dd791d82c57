// What a report's page is made of besides its content: compiled in from report.css, report.js and
// Debian's dygraphs.
#pragma once

#include <string_view>

namespace rehome::probe {

std::string_view page_style();
std::string_view page_graphs();  // dygraphs
std::string_view page_script();

}  // namespace rehome::probe
