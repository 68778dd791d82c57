// Text on its way to a terminal, a pipe or a file that may take it slowly, or never: nobody who
// puts text here waits.
//
// A thread of its own writes; what it has not written yet is held up to a limit.  Text above the
// limit is dropped, and how many lines were, is said once there is room again.  What goes nowhere
// any more (a reader or a terminal that is gone) is lost in silence.  The descriptor stays as it is
// (O_NONBLOCK would be everybody's who shares it), so that the thread may hang in a write for as
// long as it likes: the object's end does not wait for it.  Thread-safe.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace rehome::cutover {

class Outlet {
public:
    // What stands in place of so many lines that were dropped.
    using Dropped = std::function<std::string(size_t)>;

    explicit Outlet(int fd, Dropped dropped);
    Outlet(const Outlet&) = delete;
    Outlet& operator=(const Outlet&) = delete;
    ~Outlet();

    void put(std::string_view text);

    // What only matters now: left out while other text waits.
    void sketch(std::string_view text);

    // Whether all has reached where it was going, as far as can be told.
    bool is_out() const;

    // Waits until it is, for so long at most.
    bool drain(std::chrono::milliseconds at_most) const;

private:
    struct State;
    std::shared_ptr<State> state_;  // the thread's too
};

}  // namespace rehome::cutover
