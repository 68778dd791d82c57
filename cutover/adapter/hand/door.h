// The hand's side of common/hand_door.h: a socket in its folder, one question and one answer a
// connection.  For a process of one thread, which polls its descriptors.
#pragma once

#include <poll.h>

#include <array>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/fd.h"
#include "cutover/hand/record.h"

namespace rehome::cutover {

struct Question {
    uint64_t command = 0;  // by the number that stands in its environment
    enum class Kind { leave, if_cut, terminate } kind = Kind::leave;
    std::string name{};            // leave
    Argv argv{};                   // leave, if_cut
    Milliseconds limit{0};         // if_cut
    ProcessMark process{};         // terminate
    std::array<Fd, 3> standard{};  // leave
};

struct Reply {
    std::string error{};  // empty: it was done
    ProcessMark process{};
    bool there = false;
};

class Door {
public:
    // The path is the socket's; what was there is removed.
    static Result<Door> open(const std::string& path);

    const std::string& path() const { return path_; }

    void watch(std::vector<pollfd>& polled) const;
    // Whoever has come and asked is answered.
    void serve(const std::function<Reply(Question)>& answer);

private:
    Door(std::string path, Fd fd) : path_(std::move(path)), fd_(std::move(fd)) {}

    std::string path_;
    Fd fd_;
    std::vector<Fd> visitors_{};
};

}  // namespace rehome::cutover
