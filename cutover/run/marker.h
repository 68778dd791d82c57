// Markers: what stands outside of a journal about how far it has come, so that lines that are
// missing at its end, or a copy of a journal whose run has gone on elsewhere, are noticed.  Pure.
//
// The journal's own chain of sums shows every change but a shorter end.  The head marker
// (JOURNAL.d/head, "rehome/journal-head/1") stands beside it, and hands on the hosts may know more.
//
// The head is written after the journal's line is on disk and before anything follows, in one write
// of one sector, without a sync of its own but where a run begins, stops or ends: a step keeps its
// two syncs.  So it is never ahead of a journal that has lost nothing.  SIGKILL leaves it equal or
// one line behind; a power cut may leave it as it was any time since its last sync.  Behind is no
// mistake as long as its sum is that of the journal's line there.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cutover/run/journal.h"

namespace rehome::cutover {

struct Marker {
    std::string from{};  // who says so, for messages: "JOURNAL.d/head", "the hand at old-gw"
    std::string run{};   // the run's id
    uint64_t epoch = 0;  // the highest that is known of; 0: none is
    size_t lines = 0;    // so many the journal had at least
    std::string sum{};   // of the last of these; empty: not known
};

// What the journal lacks of what the markers know, one text each; empty: nothing.
std::vector<std::string> lacking(const Journal& journal, const std::vector<Marker>& markers);

// What is to be said behind it.
std::string_view loss_advice();

// Of a journal as it is.
Marker marker_of(const Journal& journal);

// The head marker's file: one line, always of the same length.
std::string head_text(const Marker& marker);
Result<Marker> parse_head(const std::string& file, std::string_view text);

}  // namespace rehome::cutover
