#include "cutover/run/control.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace rehome::cutover {

namespace {

using nlohmann::ordered_json;

// Reasons are typed by people, and need not be UTF-8.
std::string line_of(const ordered_json& object) {
    return object.dump(-1, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

bool is_text(const ordered_json& object, const char* key) {
    return object.contains(key) && object.at(key).is_string();
}

}  // namespace

std::string control_line(const ControlRequest& request) {
    return line_of({{"question", request.question}, {"answer", request.answer}});
}

std::string control_line(const ControlReply& reply) {
    return line_of({{"taken", reply.taken}, {"text", reply.text}});
}

tl::expected<ControlRequest, std::string> parse_control_request(std::string_view line) {
    const auto object = ordered_json::parse(line, nullptr, false);
    if (line.size() > longest_control_line || !object.is_object() || object.size() != 2 ||
        !is_text(object, "question") || !is_text(object, "answer")) {
        return tl::unexpected(
            std::string("is no request, expected {\"question\": ID, \"answer\": WORD}"));
    }
    return ControlRequest{object.at("question"), object.at("answer")};
}

tl::expected<ControlReply, std::string> parse_control_reply(std::string_view line) {
    const auto object = ordered_json::parse(line, nullptr, false);
    if (!object.is_object() || !object.contains("taken") || !object.at("taken").is_boolean() ||
        !is_text(object, "text")) {
        return tl::unexpected(std::string("the run's reply cannot be understood"));
    }
    return ControlReply{object.at("taken"), object.at("text")};
}

bool is_stop(const ControlRequest& request) {
    return request.question.empty() && request.answer == word(Choice::stop);
}

tl::expected<Answer, std::string> answer_of(const ControlRequest& request,
                                            const std::optional<Question>& asked) {
    if (!asked) {
        return tl::unexpected(std::string("nothing is asked now"));
    }
    if (request.question != asked->id) {
        return tl::unexpected(fmt::format("question {} is not asked now; asked is {}: {}{}{}",
                                          in_quotes(request.question), asked->id, asked->step,
                                          asked->step.empty() ? "" : ": ", asked->text));
    }
    return read_answer(*asked, request.answer);
}

}  // namespace rehome::cutover
