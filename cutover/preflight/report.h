// What a preflight has found, for people at 80 columns and as "rehome/cutover-preflight/1".  Pure.
#pragma once

#include <string>
#include <vector>

#include "cutover/preflight/judge.h"

namespace rehome::cutover {

struct Preflight {
    std::string playbook;
    UnixMicros at = 0;
    double took_s = 0;
    std::vector<HostReport> hosts;
    std::vector<std::string> not_tried;  // gates and checks of what the run itself makes
};

// yes: all good; no: something will fail; unknown: nothing is known to fail, and something cannot
// be told.
Exit answer_of(const Preflight& preflight);

std::string preflight_text(const Preflight& preflight);
std::string preflight_json(const Preflight& preflight);

}  // namespace rehome::cutover
