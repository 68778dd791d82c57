// What a report says, in sentences: the same in a mail and on a page.
//
// Every figure stands with its error, and nothing is said that was not looked at.  Names from
// outside stand as they are: text.h and html.h escape them.  Pure.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "probe/report/report.h"

namespace rehome::probe {

std::string_view headline_text(Headline headline);  // "WORSE"

// The verdict of a run, why, and how sure.
std::string verdict_text(const RunReport& run);
// What the control's runs say of it; empty: there are none.
std::string control_text(const RunReport& run, const Report& report);

std::string path_name(const PathReport& path);  // "tcp 198.51.100.10:1883 (meters)"
std::string loss_text(const PathReport& path);
std::string periods_text(const PathReport& path);  // how many, and the longest
// All that is said of it, a sentence or some each.
std::vector<std::string> path_words(const PathReport& path);

struct PeriodText {
    std::string begin;  // "2026-05-04 03:02:01.000"
    std::string end;
    std::string length;  // "2.3 s", at least and at most
    std::string lost;    // "23 probes"
    std::string meanwhile;
};
PeriodText period_text(const TellingPeriod& period);

using Facts = std::vector<std::pair<std::string, std::string>>;  // what, and its value
Facts sent_facts(const RunReport& run);
std::vector<std::string> not_the_carriers(const RunReport& run);
std::vector<std::string> limits_of(const Report& report);
std::vector<std::string> events_of(const RunReport& run);  // routes, clock, pauses, with times

// What the files beside the report are.
constexpr std::string_view raw_words =
    "CSV and JSON hold each probe as it was recorded. The pcapng files are no captures: they are "
    "reconstructed from the record, with its times, for a protocol analyser. SHA256SUMS has the "
    "sums of all files: sha256sum -c SHA256SUMS.";

std::string grouped(uint64_t number);   // "864,000"
std::string utc(Nanos time);            // "2026-05-04 03:02:01.000"
std::string length_text(Nanos length);  // "430 ms", "2.3 s", "4 min 10 s"

}  // namespace rehome::probe
