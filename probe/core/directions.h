// In which direction probes were lost, as far as a stateful STAMP reflector's numbers tell it
// (RFC 8762 section 4: near-end, forward, and far-end, backward).
//
// The reflector numbers its answers of a session.  Between the first and the last answer that came,
// as many were lost on the way back as numbers are missing.  Of the probes in between that are
// missing besides, the reflector tells how many it refused (unreflected); the rest never reached
// it: lost forward.  Before the first answer and after the last one nothing is known, nor so close
// to them that a probe may have been overtaken, which is why a sender asks again at its end.
//
// What would make that wrong is noticed, and then nothing is told: numbers that began anew (in the
// order of the reflector's own times they must rise; our own reflector names its session too), and
// requests that were doubled on the way or forged, whose answers may be the ones that are missing.
// A foreign reflector may have begun anew without a trace while its numbers are lower than probes
// are missing: what was before that is left out.  Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "probe/core/flow.h"
#include "probe/core/statistics.h"

namespace rehome::probe {

// What the answers of a run told.
class Mirrors {
public:
    void take(const Answer& answer);  // of those without a reflector's number nothing is kept
    void take_not_asked() { not_asked_ = true; }  // Refusal::not_asked

    struct Mirror {
        uint32_t index = 0;
        uint32_t sequence = 0;
        Nanos sent = 0;
        uint32_t session = 0;
        uint32_t unreflected = 0;

        bool operator==(const Mirror&) const = default;
    };
    // In the order in which the reflector sent them, each once.
    std::vector<Mirror> ordered() const;

    bool reported() const { return reported_; }
    bool stateful() const { return stateful_; }
    bool other_version() const { return other_version_; }
    bool not_asked() const { return not_asked_; }
    // The latest probe that was answered, if any was.
    std::optional<uint32_t> latest() const { return latest_; }

private:
    std::vector<Mirror> mirrors_;
    bool reported_ = false;  // by reports as we know them
    bool stateful_ = false;
    bool other_version_ = false;
    bool not_asked_ = false;
    std::optional<uint32_t> latest_;
};

// Which probes stand for those that the reflector refused; which ones it were between two answers
// nobody knows, only how many.  missing: by index, left and not answered.
std::vector<uint32_t> unreflected(const Mirrors& mirrors, const std::vector<bool>& missing);

// One of the reasons below; other reflectors may have forgotten the session without being away.
constexpr char began_anew[] =
    "the reflector began to count anew: it was started again, or forgot the session";

struct OneWay {
    uint32_t sent = 0;  // of which it is known
    uint32_t lost = 0;
    double loss_pct = 0;
    Interval loss_pct_interval{};  // as wide as those make it of which it is not known
};

struct Directions {
    std::string why{};  // the directions cannot be told; empty: they can
    OneWay forward{};
    OneWay backward{};
    uint32_t unknown = 0;  // missing, and in neither
};

// missing: without those that are unreflected.
Directions directions(const Mirrors& mirrors, const std::vector<bool>& missing);

}  // namespace rehome::probe
