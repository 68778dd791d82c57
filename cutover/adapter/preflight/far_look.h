// Asks all hosts of a playbook at once, each by `cutover preflight-host` there, or by its
// programs and tools themselves where no cutover is run.
#pragma once

#include <functional>
#include <vector>

#include "cutover/preflight/judge.h"

namespace rehome::cutover {

inline constexpr size_t hosts_at_once = 64;

// The answers in the order of the hosts.  answered: is told after each how many have answered; any
// thread calls it.
std::vector<Answered> ask_all(const std::vector<HostAsk>& hosts, const Inventory& inventory,
                              const std::function<void(size_t)>& answered);

}  // namespace rehome::cutover
