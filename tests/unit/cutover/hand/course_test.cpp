// The course of a command, and how long a runner counts as being there.
#include "cutover/hand/course.h"

#include <doctest/doctest.h>

#include "cutover/hand/pulse.h"

namespace rehome::cutover::testing {

namespace {

using Signal = Course::Signal;

constexpr int64_t ms = 1'000;
constexpr Milliseconds limit{1'000};
constexpr Milliseconds grace{200};

}  // namespace

TEST_CASE("its time limit always holds: it is asked, and after the grace ended") {
    for (const bool survives : {false, true}) {
        Course course(0, limit, grace, survives);
        CHECK(course.due(999 * ms) == Signal::none);
        CHECK(course.due(1'000 * ms) == Signal::terminate);
        CHECK(course.next_at_us() == 1'200 * ms);
        CHECK(course.due(1'199 * ms) == Signal::none);
        CHECK(course.due(1'200 * ms) == Signal::kill);
        CHECK(course.due(100'000 * ms) == Signal::none);
        CHECK(course.cause() == Cause::time);
    }
}

TEST_CASE("when nobody is heard it is ended, or let run where it survives") {
    for (const Cause cause : {Cause::silence, Cause::runner}) {
        Course ended(0, limit, grace, false);
        ended.end(cause, 300 * ms);
        CHECK(ended.due(300 * ms) == Signal::terminate);
        CHECK(ended.due(500 * ms) == Signal::kill);
        CHECK(ended.cause() == cause);

        Course survives(0, limit, grace, true);
        survives.end(cause, 300 * ms);
        CHECK(survives.due(999 * ms) == Signal::none);
        CHECK(survives.cause() == Cause::itself);
        CHECK(survives.due(1'000 * ms) == Signal::terminate);
    }
    Course too_long(0, limit, grace, true);
    too_long.end(Cause::output, 0);
    CHECK(too_long.due(0) == Signal::terminate);
}

TEST_CASE("what has ended before it was asked to has ended by itself, unless it was cut short") {
    for (const Cause cause : {Cause::silence, Cause::runner, Cause::output}) {
        Course course(0, limit, grace, false);
        course.end(cause, 300 * ms);
        CHECK(course.cause() == (cause == Cause::output ? cause : Cause::itself));
        CHECK(course.due(300 * ms) == Signal::terminate);
        CHECK(course.cause() == cause);
    }
}

TEST_CASE("the first cause counts, and a second one does not hold up the end") {
    Course course(0, limit, grace, false);
    CHECK(course.due(1'000 * ms) == Signal::terminate);
    course.end(Cause::silence, 1'100 * ms);
    CHECK(course.due(1'200 * ms) == Signal::kill);
    CHECK(course.cause() == Cause::time);
    CHECK(Course(0, limit, grace, false).cause() == Cause::itself);
}

TEST_CASE("a runner is there from when the hand said what comes back") {
    Pulse pulse(Milliseconds(800), 0);
    CHECK(pulse.silent_at_us() == 800 * ms);
    CHECK(pulse.beat_is_due(100 * ms));
    const Beat first = pulse.beat(100 * ms);
    CHECK_FALSE(pulse.beat_is_due(199 * ms));
    CHECK(pulse.beat_is_due(200 * ms));
    const Beat second = pulse.beat(200 * ms);
    pulse.heard(first);  // however late it comes
    CHECK(pulse.silent_at_us() == 900 * ms);
    pulse.heard(second);
    CHECK(pulse.silent_at_us() == 1'000 * ms);
}

TEST_CASE("what was never said, or came back already, makes nobody look alive") {
    Pulse pulse(Milliseconds(800), 0);
    pulse.heard(Beat{1});
    pulse.heard(Beat{0});
    CHECK(pulse.silent_at_us() == 800 * ms);
    const Beat first = pulse.beat(100 * ms);
    pulse.heard(Beat{first.number + 1});
    CHECK(pulse.silent_at_us() == 800 * ms);
    pulse.heard(first);
    pulse.beat(200 * ms);
    pulse.heard(first);
    CHECK(pulse.silent_at_us() == 900 * ms);
}

TEST_CASE("beats that were held up for longer than the silence say nothing") {
    Pulse pulse(Milliseconds(800), 0);
    const Beat old = pulse.beat(100 * ms);
    pulse.beat(1'000 * ms);
    pulse.heard(old);
    CHECK(pulse.silent_at_us() == 800 * ms);
}

}  // namespace rehome::cutover::testing
