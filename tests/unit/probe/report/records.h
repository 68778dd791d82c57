// Records made by hand, for the tests of the report: a run of one path with probes at a steady pace
// whose ends the test says.
#pragma once

#include <functional>

#include "probe/core/record.h"

namespace rehome::probe {

constexpr Nanos record_begin = 1'777'863'600'000'000'000;  // 2026-05-04T03:00:00Z

struct Made {
    std::string carrier = "red";
    std::string id = carrier + "-1";
    uint32_t count = 100;
    double rate_pps = 10;
    Nanos begin = record_begin;
    Kind kind = Kind::icmp;
};

// end_of: the round trip in ns; 0: lost on the path.
Record make_record(const Made& made, const std::function<Nanos(uint32_t)>& end_of);

}  // namespace rehome::probe
