// A record's probes one after the other, path by path, and the parts of a row that CSV and JSON
// share.  Pure.
#pragma once

#include <charconv>
#include <string>
#include <string_view>

#include "probe/core/record.h"

namespace rehome::probe {

template <typename Number>
void add_number(std::string& out, Number number) {
    char digits[24];
    const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
    out.append(digits, end);
}

// Whether it was answered, in time or not, and when the answer came.
std::optional<Nanos> answered_at(const ProbeRow& probe);

std::string_view end_of(const ProbeRow& probe);

void add_flags(const ProbeRow& probe, std::string& out);

// A place in a record: rows come in the order of paths, some thousand a piece.
class RawRows {
public:
    explicit RawRows(const Record& record) : record_(&record) {}

    struct Piece {
        size_t path = 0;
        size_t begin = 0;  // rows of it
        size_t end = 0;
    };
    // A path begins with a piece whose begin is 0, of no rows where it has none; nothing at the
    // end.
    std::optional<Piece> next();

private:
    const Record* record_;
    size_t path_ = 0;
    size_t row_ = 0;
};

}  // namespace rehome::probe
