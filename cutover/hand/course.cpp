#include "cutover/hand/course.h"

#include <limits>

namespace rehome::cutover {

void Course::end(Cause cause, int64_t now_us) {
    const bool of_the_runner = cause == Cause::silence || cause == Cause::runner;
    if (cause_ || (of_the_runner && survives_)) {
        return;
    }
    cause_ = cause;
    next_at_us_ = now_us;
}

Course::Signal Course::due(int64_t now_us) {
    if (now_us < next_at_us_) {
        return Signal::none;
    }
    if (stage_ == Stage::running) {
        cause_ = cause_.value_or(Cause::time);
        stage_ = Stage::asked;
        next_at_us_ = now_us + grace_us_;
        return Signal::terminate;
    }
    stage_ = Stage::killed;
    next_at_us_ = std::numeric_limits<int64_t>::max();
    return Signal::kill;
}

}  // namespace rehome::cutover
