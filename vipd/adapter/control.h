// The control socket: a UNIX stream socket on which vipctl asks and vipd answers.
//
// A request is one line of JSON, an object with "command" and its arguments; its answer is one
// line,
// {"ok":true,"result":...} or {"ok":false,"error":"..."}.  A client may send many requests, one
// after the other; the next is read when the last is answered.  A request line is at most 8 MiB; a
// client that breaks the protocol, or takes longer than 5 s to send or take a line, is dropped.
//
// It belongs to one thread, which polls fd() and calls handle() when it is readable: there is no
// other call to make in time.  Only the owner of the process may connect (mode 0600).
#pragma once

#include <functional>
#include <memory>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "common/error.h"

namespace rehome::vipd {

class Control;

// The right to answer one request, now or later; kept by copy.  Answering twice, or after the
// client has gone or the server has stopped, does nothing.
class Reply {
public:
    void done(const nlohmann::json& result) const;
    // kind: no, or what is wrong with the request or the world.
    void refuse(const std::string& error, Exit kind = Exit::no) const;
    void refuse(const Error& error) const { refuse(error.text(), error.kind); }
    bool waited_for() const;  // the client is still there and unanswered
    uint32_t uid() const;     // the user that asks
    // The same, to be done with results of that format: their "schema" unless they say another.
    Reply of_format(std::string schema) const;

private:
    friend class Control;
    struct State;
    std::shared_ptr<State> state_;
    std::string schema_;
};

using Handler = std::function<void(const nlohmann::json& request, const Reply& reply)>;

class Control {
public:
    // Replaces the socket file of a vipd that is gone; one that still answers is an error.
    static Result<std::unique_ptr<Control>> listen(const std::string& path, Handler handler);
    ~Control();  // removes the socket file
    Control(const Control&) = delete;
    Control& operator=(const Control&) = delete;

    int fd() const;  // POLLIN: call handle()
    void handle();

private:
    friend class Reply;
    struct State;
    explicit Control(std::shared_ptr<State> state);

    std::shared_ptr<State> state_;
};

}  // namespace rehome::vipd
