// What another terminal says to a run by its UNIX socket (JOURNAL.d/control): one line of JSON,
// answered by one line; then the connection ends.  Pure.
//
//   {"question": "3fa21c", "answer": "yes"}   an answer, as it would be typed at the run's terminal
//   {"question": "", "answer": "stop"}        stop, wherever the run is
//   {"taken": true, "text": ""}               it was taken, or (false) why it was not
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "cutover/run/question.h"

namespace rehome::cutover {

constexpr size_t longest_control_line = 4'096;

struct ControlRequest {
    std::string question{};  // its id; empty: none is meant
    std::string answer{};
};

struct ControlReply {
    bool taken = false;
    std::string text{};  // why not
};

std::string control_line(const ControlRequest& request);
std::string control_line(const ControlReply& reply);

// The error says what is wrong with it.
tl::expected<ControlRequest, std::string> parse_control_request(std::string_view line);
tl::expected<ControlReply, std::string> parse_control_reply(std::string_view line);

// Whether it stops the run wherever it is.
bool is_stop(const ControlRequest& request);

// The answer that it gives to what is asked now (none: nothing), or why it gives none.
tl::expected<Answer, std::string> answer_of(const ControlRequest& request,
                                            const std::optional<Question>& asked);

}  // namespace rehome::cutover
