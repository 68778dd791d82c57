// One check as it runs: a state machine that knows no socket and no clock.
//
//   TCP connection   done once connected
//   ICMP echo        done with the reply
//   script           sends and waits in order; done with the last step
//
// Whatever ends it, it ends once: with ok, or with why not, in one line.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/vipd_config/health.h"

namespace rehome::vipd {

// The steps of one endpoint, ready to be matched; all attempts share it.
class CheckScript {
public:
    explicit CheckScript(const HealthConfig& how);

    size_t size() const { return steps_.size(); }
    bool expects(size_t step) const { return steps_[step].expects; }
    const BytePattern& pattern(size_t step) const { return steps_[step].pattern; }

private:
    struct Step {
        bool expects = false;
        BytePattern pattern;
    };

    std::vector<Step> steps_;
};

struct CheckResult {
    bool ok = false;
    std::string why;  // not ok; no control characters
};

class Attempt {
public:
    explicit Attempt(const CheckScript& script) : script_(&script) {}

    struct Next {
        std::string send;
        std::optional<CheckResult> ended;
    };

    Next on_connected();
    Next on_bytes(std::string_view bytes);
    // The server closed or reset, or the time is up.
    CheckResult on_closed() const { return failed("closed"); }
    CheckResult on_error(std::string_view what) const { return failed(what); }
    CheckResult on_timeout() const;

private:
    Next go_on();
    CheckResult failed(std::string_view what) const;

    static constexpr size_t tail_max = 32;

    const CheckScript* script_;
    bool connected_ = false;
    size_t step_ = 0;
    size_t matched_ = 0;
    std::string tail_;  // the last bytes that came, for whoever wonders what they were
};

}  // namespace rehome::vipd
