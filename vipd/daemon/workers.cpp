#include "vipd/daemon/workers.h"

namespace rehome::vipd {

Result<> on_workers(const Workers& workers, const std::function<Result<>(Worker&)>& act) {
    for (const auto& worker : workers) {
        if (auto done = act(*worker); !done) {
            return done;
        }
    }
    return {};
}

Result<> ask_all(const Workers& workers, const std::function<void(Datapath&)>& act) {
    return on_workers(workers, [&](Worker& worker) { return worker.ask(act); });
}

}  // namespace rehome::vipd
