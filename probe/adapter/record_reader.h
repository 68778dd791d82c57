// Reads a record back (record.h): also one that was cut short, and while it is still written.
//
// The file is untrusted.  It is opened for reading alone; its tables must be ours to the letter, so
// that no view, trigger or function of a stranger's is run; every value is checked against its
// column's bounds, and what is damaged is told by SQLite.
#pragma once

#include <string>

#include "probe/core/record.h"

namespace rehome::probe {

// Whether a file begins as a SQLite database does.
bool is_database(const std::string& path);

Checked<Record> read_record(const std::string& path);

}  // namespace rehome::probe
