// A login as bytes: what a client sends, what it waits for, and how the awaited bytes are found.
//
// Steps are numbered from 0; the heartbeat's question and answer are the two steps after the
// login's last one.  "{session}" in a step stands for the session's number, eight digits, zero
// padded. Immutable once built, so that all sessions of a carrier share one script.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/inventory.h"

namespace rehome::cutover {

// Bytes to wait for in a stream, found wherever they begin: what comes before them is skipped.  How
// the stream is cut into reads never matters, and nothing is buffered: all that is kept between two
// reads is one number (Knuth, Morris, Pratt: Fast pattern matching in strings, 1977).
class LoginPattern {
public:
    LoginPattern() = default;
    explicit LoginPattern(std::string bytes);

    // Takes bytes until the pattern is complete.  matched is how much of it ended the stream so
    // far: 0 at first, carried by the caller from read to read, 0 again when the pattern is
    // complete. Returns how many bytes were taken, or nothing when all were and the pattern is not
    // complete.
    std::optional<size_t> find(std::string_view stream, size_t& matched) const;

    const std::string& bytes() const { return bytes_; }

private:
    std::string bytes_;
    std::vector<size_t>
        border_;  // [n]: longest proper prefix of the first n bytes that also ends them
};

class LoginScript {
public:
    explicit LoginScript(const Login& login);

    size_t steps() const { return steps_.size() - 2; }  // without the heartbeat's
    size_t question() const { return steps_.size() - 2; }
    size_t answer() const { return steps_.size() - 1; }

    bool expects(size_t step) const { return steps_[step].expects; }
    std::string bytes(size_t step, uint32_t session) const;

    // find() for a step that expects, as this session.
    std::optional<size_t> find(size_t step, uint32_t session, std::string_view stream,
                               size_t& matched) const;

private:
    struct Step {
        bool expects = false;
        bool personal = false;  // holds {session}: its bytes differ from session to session
        LoginPattern pattern;   // with {session} still in it when personal
    };

    static Step make_step(bool expects, const std::string& bytes);

    std::vector<Step> steps_;
};

// "20020005", for messages.
std::string hex(std::string_view bytes);

}  // namespace rehome::cutover
