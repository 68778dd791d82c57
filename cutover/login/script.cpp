#include "cutover/login/script.h"

#include <fmt/format.h>

namespace rehome::cutover {
namespace {

constexpr std::string_view placeholder = "{session}";

std::string fill_in(const std::string& text, uint32_t session) {
    const std::string number = fmt::format("{:08}", session);
    std::string filled = text;
    for (size_t at = filled.find(placeholder); at != std::string::npos;
         at = filled.find(placeholder, at + number.size())) {
        filled.replace(at, placeholder.size(), number);
    }
    return filled;
}

}  // namespace

LoginScript::LoginScript(const Login& login) {
    for (const LoginStep& step : login.steps) {
        if (step.bytes.value.empty()) continue;  // nothing to send, or expected and there at once
        steps_.push_back(make_step(step.kind == LoginStep::Kind::expect, step.bytes.value));
    }
    steps_.push_back(make_step(false, login.heartbeat_send.value));
    steps_.push_back(make_step(true, login.heartbeat_expect.value));
}

LoginScript::Step LoginScript::make_step(bool expects, const std::string& bytes) {
    return {expects, bytes.find(placeholder) != std::string::npos, BytePattern(bytes)};
}

std::string LoginScript::bytes(size_t step, uint32_t session) const {
    const Step& s = steps_[step];
    return s.personal ? fill_in(s.pattern.bytes(), session) : s.pattern.bytes();
}

std::optional<size_t> LoginScript::find(size_t step, uint32_t session, std::string_view stream,
                                        size_t& matched) const {
    const Step& s = steps_[step];
    if (!s.personal) return s.pattern.find(stream, matched);
    return BytePattern(bytes(step, session)).find(stream, matched);
}

}  // namespace rehome::cutover
