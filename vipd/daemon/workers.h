// The workers of one vipd, told and asked together, by the control thread.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "common/error.h"
#include "vipd/adapter/worker.h"

namespace rehome::vipd {

using Workers = std::vector<std::unique_ptr<Worker>>;

// One worker after the other, until the first error.
Result<> on_workers(const Workers& workers, const std::function<Result<>(Worker&)>& act);
// The same, act in each one's thread.
Result<> ask_all(const Workers& workers, const std::function<void(Datapath&)>& act);

}  // namespace rehome::vipd
