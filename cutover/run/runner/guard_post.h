// The guards of a run, as far as they have begun: takes their samples, keeps them as evidence and
// says how each stands.  What follows from that is the runner's business.  Not thread-safe.
#pragma once

#include <map>
#include <vector>

#include "cutover/run/guard.h"
#include "cutover/run/step.h"
#include "cutover/run/world.h"

namespace rehome::cutover {

class GuardPost {
public:
    GuardPost(const Plan& plan, World& world) : plan_(plan), world_(world) {}

    // Those that hold from this step of the plan on are looked at from now on.
    void begin(size_t step);
    void enter(const std::string& stage);

    // An error: a sample could not be kept.
    Result<> take_samples();

    GuardWatch::State state(const GuardWatch& watch) const {
        return watch.state(world_.monotonic());
    }
    bool none() const { return watches_.empty(); }
    bool all_hold() const;
    bool any_broken() const;
    bool all_good_since(int64_t monotonic_us) const;
    // The first in the plan's order that is broken or blind; null: none.
    GuardWatch* first_in_trouble();

private:
    const Plan& plan_;
    World& world_;
    std::map<size_t, GuardWatch> watches_{};  // by their place in the plan
};

}  // namespace rehome::cutover
