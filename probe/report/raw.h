// The raw data of a record, for the reader who computes again: CSV, JSON and pcapng.
//
// CSV, a line a probe (RFC 4180, line feeds):
//
//   kind, target    whose path
//   index           of the probe in it, from 0
//   sent_utc        when it left this host, by the kernel where it said so
//   rtt_ns          empty: no answer
//   end             received, late, first_lost, on_path, undelivered, elsewhere, unreflected,
//                   too_big, no_way_out, filtered, not_sent (fate.h); under_way: the record ended
//                   before it was known
//   size            of its IP packet; 0: not known
//   ttl             of the answer
//   out, in         the interfaces of probe and answer; empty: not known
//   flags           p sending time by the program, r refused by a reset, d answered twice, h half
//                   open, t answered only by what the target repeated
//   reflector_ns    how long a STAMP reflector held it
//
// JSON ("rehome/probe-raw/1", common/formats/probe-raw.schema.json): the same as lists by path,
// times in ns since "begin"; and the run's events.
//
// pcapng: raw_pcapng.cpp tells.  All are made piece by piece, as a day of probes is some hundred
// megabytes.  Pure; the record must outlive what is made of it.
#pragma once

#include <memory>
#include <string>

#include "probe/core/record.h"

namespace rehome::probe {

class RawData {
public:
    RawData() = default;
    RawData(const RawData&) = delete;
    RawData& operator=(const RawData&) = delete;
    virtual ~RawData() = default;

    // Appends the next piece, some hundred kilobytes; false when nothing was left.
    virtual bool add_piece(std::string& out) = 0;
};

std::unique_ptr<RawData> raw_csv(const Record& record);
std::unique_ptr<RawData> raw_json(const Record& record);
std::unique_ptr<RawData> raw_pcapng(const Record& record);

}  // namespace rehome::probe
