// The findings of one path: its base against all that was measured of it now.  See compare.h.
#pragma once

#include "probe/core/compare.h"

namespace rehome::probe {

// Where each end of an increase may be missed.
struct Risk {
    double worse = 0.025;     // the low end's
    double no_worse = 0.025;  // the high end's
};

// One run of a path, or several in a row as if they were one: that can only join periods.
struct Run {
    std::vector<Outcome> outcomes;
    double spacing_s = 1;
};

std::vector<Finding> compare_path(const Run& base, const Run& now, const Terms& terms,
                                  const Risk& risk);

}  // namespace rehome::probe
