// Lines over pipes that do not block, both ways: what a runner and its hand talk by.  Not
// thread-safe.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "common/fd.h"

namespace rehome::cutover {

class LinesIn {
public:
    explicit LinesIn(size_t longest) : longest_(longest) {}

    enum class Heard { nothing, some, too_long, end };
    // Reads what is there, to some bound, and hands out each whole line without its line feed.
    // too_long: the line that has begun is longer than any may be.  end: also where reading fails.
    Heard read(int fd, const std::function<void(std::string_view)>& take);

private:
    size_t longest_;
    std::string heard_{};  // the beginning of a line
};

class LinesOut {
public:
    void add(std::string_view line) { backlog_ += line; }
    // Writes what the pipe takes.  Where nobody reads any more the rest stays.
    void flush(int fd);
    size_t size() const { return backlog_.size() - told_; }
    bool empty() const { return size() == 0; }
    void clear() { backlog_.clear(), told_ = 0; }

private:
    std::string backlog_{};
    size_t told_ = 0;  // of its front
};

}  // namespace rehome::cutover
