// Who looks on at the workers: a capture, a count of the busiest, or both.
#pragma once

#include <memory>
#include <vector>

#include "vipd/daemon/workers.h"

namespace rehome::vipd {

class Observers {
public:
    // One for each worker; none: nobody looks any more.
    using Rings = std::vector<std::shared_ptr<CaptureRing>>;
    using Tops = std::vector<std::shared_ptr<Top>>;

    explicit Observers(const Workers& workers) : workers_(workers) {}

    const Workers& workers() const { return workers_; }

    // In force at each worker when they return; those before are used no more.  With an error, some
    // workers have the new ones and some the old.
    Result<> capture_into(Rings rings);
    Result<> count_in(Tops tops);

private:
    Result<> tell_workers() const;

    const Workers& workers_;
    Rings rings_;
    Tops tops_;
};

}  // namespace rehome::vipd
