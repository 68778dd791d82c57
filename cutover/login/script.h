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
#include "common/script.h"

namespace rehome::cutover {

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
        BytePattern pattern;    // with {session} still in it when personal
    };

    static Step make_step(bool expects, const std::string& bytes);

    std::vector<Step> steps_;
};

}  // namespace rehome::cutover
