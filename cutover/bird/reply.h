// BIRD's control protocol: what comes back for a command.
//
// A reply is lines "NNNN-text" (more follow) and one "NNNN text" (the last); a line " text"
// continues the code before it; a line "+text" is a log message that belongs to no reply (BIRD
// 2.0.12, nest/cli.c).  Codes below 8000 are answers, 8xxx are failures, 9xxx wrong commands. Pure;
// what comes from the socket is bounded and may be anything.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/error.h"

namespace rehome::cutover {

struct BirdLine {
    int code = 0;
    std::string text;
};

struct BirdReply {
    std::vector<BirdLine> lines;  // never empty; the last one ends the reply

    int code() const { return lines.back().code; }
    const std::string& text() const { return lines.back().text; }
    bool ok() const { return code() < 8000; }
    bool has(int code) const;
};

// Takes the socket's bytes as they come, of one reply.
class BirdReplyReader {
public:
    // The reply once its last line is there; nothing while more must come.
    Result<std::optional<BirdReply>> take(std::string_view bytes);

private:
    Result<bool> take_line(std::string_view line);  // true: it was the last

    std::string rest_;
    size_t taken_ = 0;
    BirdReply reply_;
};

}  // namespace rehome::cutover
