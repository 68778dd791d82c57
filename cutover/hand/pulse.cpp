#include "cutover/hand/pulse.h"

#include <algorithm>

namespace rehome::cutover {

Beat Pulse::beat(int64_t now_us) {
    said_at_us_ = now_us;
    said_.push_back({++number_, now_us});
    // What is older than the silence would say nothing any more.
    while (said_.front().at_us + silence_us_ < now_us) {
        said_.pop_front();
    }
    return {number_};
}

void Pulse::heard(const Beat& echo) {
    while (!said_.empty() && said_.front().number <= echo.number && echo.number <= number_) {
        alive_at_us_ = std::max(alive_at_us_, said_.front().at_us);
        said_.pop_front();
    }
}

}  // namespace rehome::cutover
