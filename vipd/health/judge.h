// From checks' results to which servers are up.
//
// Rise and fall are counted per endpoint where its checks run (RiseFall): what comes out is how the
// endpoint looks.  The judge takes these looks of all endpoints and says what holds:
//
//   - One that looked down and looks up again is up, unless it flaps: each time that it goes down
//     again soon after it came up it is held down twice as long as the last time, to a bound.
//   - Where more than half of all endpoints, of three at least, begin to look down within one
//     interval it is more likely that we are cut off than that all of them failed: they are kept
//     as they were, until no more than half look down any more.  What still looks down then, for a
//     whole interval, is down.
//
// Nobody is down before its first checks have said so.  Pure: times are handed in.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "vipd/health/endpoints.h"
#include "vipd/health/health.h"
#include "vipd/packet/micros.h"

namespace rehome::vipd {

class RiseFall {
public:
    RiseFall(uint32_t rise, uint32_t fall) : rise_(rise), fall_(fall) {}

    // How it looks from now on, if that is new.  The first check that succeeds suffices where
    // nothing was known.
    std::optional<bool> add(bool ok);
    bool looks_down() const { return looks_up_ == false; }

private:
    uint32_t rise_, fall_;
    uint32_t in_a_row_ = 0;
    bool last_ = false;
    std::optional<bool> looks_up_;
};

class HealthJudge {
public:
    static constexpr Micros first_hold_intervals = 5;  // of the first time that one flaps
    static constexpr Micros longest_hold = 300'000'000;
    static constexpr Micros stable_intervals = 30;  // after so many up it flaps no more
    static constexpr size_t fewest = 3;             // of which more than half says anything of us
    // Reasons change with each check where a server says something else each time; they move
    // nobody, so that they are told together.
    static constexpr Micros reasons_every = 1'000'000;

    using Verdict = EndpointHealth;

    // Those that are known keep what is known of them; one that is checked in another way from now
    // on keeps what held, until checks say otherwise.
    void set(const CheckPlan& plan);
    // An endpoint looks up or down from now on.  Unknown ids (of a plan before) say nothing.
    void looks(uint32_t id, bool up, const std::string& why, Micros now);
    // It looks down as before, and now for this reason.
    void still_down(uint32_t id, const std::string& why, Micros now);
    // Notices what time brings.  True: some verdict is another than the last time.
    bool advance(Micros now);
    Micros next_event() const;

    // Null: no such endpoint.
    const Verdict* of(uint32_t id) const;
    // Keeps what was: how many look down, of how many.
    bool keeps() const { return keeps_; }
    size_t look_down() const;
    size_t size() const { return endpoints_.size(); }

private:
    struct Known {
        std::string where;  // what is checked, in whatever way
        Verdict verdict;
        Micros interval = 0;
        std::optional<bool> looks_up;
        Micros looks_since = 0;
        Micros up_since = 0;
        Micros last_hold = 0;
        bool came_back = false;  // it has been down, and up since
        // As it was before it went down, for one that is kept after all.
        Verdict::State before = Verdict::State::unknown;
        Micros before_since = 0, before_hold = 0;
    };

    static void give_reason(Verdict& verdict, const std::string& why, Micros now);
    void judge(Known& known, Micros now);
    void begin_to_keep(Micros now);
    void go_down(Known& known, Micros now);

    std::map<uint32_t, Known> endpoints_;
    Micros window_ = 0;  // the longest interval
    bool keeps_ = false;
    Micros ends_at_ = 0;  // no more than half look down since, plus the window; 0: more do
    bool changed_ = false;
    bool other_reasons_ = false;  // and nothing else
    Micros reasons_told_ = 0;
};

}  // namespace rehome::vipd
