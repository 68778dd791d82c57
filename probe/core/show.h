// What `probe show` says of a record or a result: what `probe run` printed, and besides when losses
// came and how long they lasted (loss_periods.h), and of a record what happened meanwhile.  Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "probe/core/loss_periods.h"
#include "probe/core/record.h"

namespace rehome::probe {

// A path's periods; nothing where the file does not hold each probe.
using Periods = std::optional<std::vector<LossPeriod>>;

struct Shown {
    std::string file{};
    std::optional<Record> record{};  // empty: the file is a result
    Measurement measurement{};
    std::vector<Periods> periods{};  // by path
    size_t under_way = 0;            // probes whose waiting time was not over
    uint32_t constraint = 99;        // of what is noticeable, in probes
};

// The record is taken over without its rows, which the periods are made of.
Shown show(const std::string& file, Record record);
Shown show(const std::string& file, Measurement result);

std::string to_text(const Shown& shown);
std::string to_json(const Shown& shown);  // "rehome/probe-show/1"

}  // namespace rehome::probe
