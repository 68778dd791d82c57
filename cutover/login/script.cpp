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

LoginPattern::LoginPattern(std::string bytes)
    : bytes_(std::move(bytes)), border_(bytes_.size() + 1) {
    size_t border = 0;
    for (size_t at = 1; at < bytes_.size(); ++at) {
        while (border > 0 && bytes_[at] != bytes_[border]) border = border_[border];
        if (bytes_[at] == bytes_[border]) ++border;
        border_[at + 1] = border;
    }
}

std::optional<size_t> LoginPattern::find(std::string_view stream, size_t& matched) const {
    if (bytes_.empty()) return 0;
    for (size_t at = 0; at < stream.size(); ++at) {
        while (matched > 0 && stream[at] != bytes_[matched]) matched = border_[matched];
        if (stream[at] == bytes_[matched]) ++matched;
        if (matched == bytes_.size()) {
            matched = 0;
            return at + 1;
        }
    }
    return std::nullopt;
}

LoginScript::LoginScript(const Login& login) {
    for (const LoginStep& step : login.steps) {
        if (step.bytes.value.empty()) continue;  // nothing to send, or expected and there at once
        steps_.push_back(make_step(step.kind == LoginStep::Kind::expect, step.bytes.value));
    }
    steps_.push_back(make_step(false, login.heartbeat_send.value));
    steps_.push_back(make_step(true, login.heartbeat_expect.value));
}

LoginScript::Step LoginScript::make_step(bool expects, const std::string& bytes) {
    return {expects, bytes.find(placeholder) != std::string::npos, LoginPattern(bytes)};
}

std::string LoginScript::bytes(size_t step, uint32_t session) const {
    const Step& s = steps_[step];
    return s.personal ? fill_in(s.pattern.bytes(), session) : s.pattern.bytes();
}

std::optional<size_t> LoginScript::find(size_t step, uint32_t session, std::string_view stream,
                                        size_t& matched) const {
    const Step& s = steps_[step];
    if (!s.personal) return s.pattern.find(stream, matched);
    return LoginPattern(bytes(step, session)).find(stream, matched);
}

std::string hex(std::string_view bytes) {
    std::string text;
    for (const char byte : bytes) text += fmt::format("{:02x}", static_cast<unsigned char>(byte));
    return text;
}

}  // namespace rehome::cutover
