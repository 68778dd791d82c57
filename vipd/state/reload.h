// Which changes of the configuration a running vipd can make, and in which order it then has its
// lines and peers: entries of flows and workers' counters hold their numbers.
#pragma once

#include <vector>

#include "common/error.h"
#include "common/vipd_config/config.h"

namespace rehome::vipd {

// What a running vipd cannot change without a restart: gateway, ports, memory, workers, the size of
// the flow tables, fragments, paths, tunnel; a line, a peer or a pool that is there already.
// Lines and peers may be added, and pools behind the others.  Empty when `to` can replace `from` by
// a reload, else one error for each thing that differs.
std::vector<Error> needs_restart(const Config& from, const Config& to);

// `to` with the lines and peers that `from` has in the places that they have there, by their
// carriers and gateways, and what is new behind them.  needs_restart() is empty.
Config arranged(const Config& from, Config to);

}  // namespace rehome::vipd
