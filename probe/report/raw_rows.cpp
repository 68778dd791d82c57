// See raw_rows.h.
#include "probe/report/raw_rows.h"

#include <algorithm>

#include "probe/report/timeline.h"

namespace rehome::probe {

std::optional<Nanos> answered_at(const ProbeRow& probe) {
    const Sample& sample = probe.sample;
    if (sample.received != never) {
        return sample.received;
    }
    return sample.captured != never ? std::optional(sample.captured) : std::nullopt;
}

std::string_view end_of(const ProbeRow& probe) {
    return is_lost(probe.fate) && !is_counted(probe) ? "under_way" : name(probe.fate);
}

void add_flags(const ProbeRow& probe, std::string& out) {
    const Sample& sample = probe.sample;
    const std::pair<bool, char> flags[] = {{sample.stamped == never, 'p'},
                                           {sample.refused, 'r'},
                                           {sample.duplicated, 'd'},
                                           {sample.half_open, 'h'},
                                           {sample.repeated, 't'}};
    for (const auto& [is_set, letter] : flags) {
        if (is_set) {
            out += letter;
        }
    }
}

std::optional<RawRows::Piece> RawRows::next() {
    constexpr size_t rows_a_piece = 8192;
    if (path_ == record_->paths.size()) {
        return std::nullopt;
    }
    const size_t count = record_->paths[path_].probes.size();
    const Piece piece{path_, row_, std::min(row_ + rows_a_piece, count)};
    row_ = piece.end;
    if (row_ == count) {
        ++path_;
        row_ = 0;
    }
    return piece;
}

}  // namespace rehome::probe
