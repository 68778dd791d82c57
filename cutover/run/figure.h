// Figures: values in a command's JSON output, found by pointer and held against what they must be.
//
// A pointer is RFC 6901's, with one thing more: a part "KEY=VALUE" that meets an array selects its
// first object whose member KEY is VALUE ("/lines/carrier=red/rx_vip_pps"), as an index into a list
// of named things means nothing.  Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "cutover/run/step.h"

namespace rehome::cutover {

// The parts of a pointer, unescaped.
std::vector<std::string> pointer_parts(std::string_view pointer);

// Null when the pointer leads nowhere.
const nlohmann::json* find_value(const nlohmann::json& document, std::string_view pointer);

// A figure of one sample.
struct FigureReading {
    bool good = false;
    std::string shown;  // "/up 998 of /wanted 1000, min 1"
    std::optional<double> value;
};

// first: the same figure's number in the gate's first sample, for since_start; none: this is the
// first.
FigureReading read_figure(const Figure& figure, const nlohmann::json& document,
                          std::optional<double> first);

}  // namespace rehome::cutover
