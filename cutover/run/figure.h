// Figures: values in a command's JSON output, found by pointer and held against what they must be.
//
// A pointer is RFC 6901's, with one thing more: a part "KEY=VALUE" that meets an array selects the
// objects whose member KEY is VALUE ("/lines/carrier=red/rx_vip_pps"), as an index into a list of
// named things means nothing.  Where it selects several, each of them must be as the figure says; a
// share or a growth is one value's alone.  Pure.
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

// All values that the pointer selects; null among them where one of several leads no further.
// Empty when it leads nowhere.
std::vector<const nlohmann::json*> find_values(const nlohmann::json& document,
                                               std::string_view pointer);

// The only one; null when it leads nowhere or to several.
const nlohmann::json* find_value(const nlohmann::json& document, std::string_view pointer);

// What is said of a sample, the graver the later: the gravest figure decides.
enum class Verdict {
    good,
    bad,
    cannot_tell,  // a value is not there, or not of the kind that was asked for
    fatal,        // waiting cannot make it good
};

std::string_view name(Verdict verdict);

// A figure of one sample.
struct FigureReading {
    Verdict verdict = Verdict::cannot_tell;
    std::string shown;            // "/up 998 of /wanted 1000, min 1"
    std::optional<double> count;  // of a figure that counts: the number as it stands there
};

// first: the number from which a figure that counts is counted; none: from what it is now.
FigureReading read_figure(const Figure& figure, const nlohmann::json& document,
                          std::optional<double> first);

}  // namespace rehome::cutover
