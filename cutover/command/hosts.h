// The hosts of a run, from its begin to its end.
#pragma once

#include <vector>

#include "cutover/adapter/hand/hands.h"
#include "cutover/adapter/watch.h"
#include "cutover/run/journal.h"
#include "cutover/run/marker.h"
#include "cutover/run/progress.h"

namespace rehome::cutover {

// Holds the gateways of both sites for the run, and makes its epoch known wherever it goes on.  On
// the way back what cannot be reached is told, and does not keep it from going on.  Returns what
// the hands know of the run's journal.
Result<std::vector<Marker>> take_hosts(const Opening& opening, const Plan& plan, Hands& hands,
                                       bool goes_on, bool way_back, Watch& watch);

// Another run may hold them once nothing of this one is left.
void leave_hosts(Hands& hands, const Progress& progress, Watch& watch);

}  // namespace rehome::cutover
