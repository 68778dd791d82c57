// Text from outside (carriers' and hosts' names, reasons, errors) as it may stand in a report.
//
// Whatever a name holds, it stays a name: no markup in a page, no formula in a spreadsheet, no
// control sequence in a terminal or a mail, no other reading order.  Pure.
#pragma once

#include <string>
#include <string_view>

namespace rehome::probe {

// One line of valid UTF-8: control characters, what turns the reading order, other separators of
// lines, and bytes that are no UTF-8 stand as \xNN or \uNNNN.
std::string plain(std::string_view text);

// The same as content of an element or of a quoted attribute.
std::string in_html(std::string_view text);

// The same as a field of CSV (RFC 4180), in quotes where needed.  What a spreadsheet would take for
// a formula (= + - @ at its begin) gets an apostrophe before it.
std::string in_csv(std::string_view text);

// As a part of a file's name: letters, digits and "-" of ASCII, the rest as "_"; at most 40.
std::string in_file_name(std::string_view text);

}  // namespace rehome::probe
