// One carrier's login agent: one thread that runs all its sessions and canaries over epoll.
//
// It does what the sessions' state machines say, gives them what the network answers, and records
// each second.  All that it holds of a connection are a descriptor, what could not be sent yet, and
// the session's state; bytes received are looked at in one shared buffer and forgotten.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/fd.h"
#include "common/stop_signal.h"
#include "cutover/adapter/login/folder.h"
#include "cutover/adapter/login/socket.h"
#include "cutover/login/plan.h"
#include "cutover/login/status.h"
#include "cutover/login/tally.h"
#include "cutover/login/timers.h"

namespace rehome::cutover {

struct LoginTask {
    std::string login;
    std::string carrier;
    LoginScript script;
    LoginPlan plan;
    LoginPath path;
};

// Whether this host can do the task: every source is its own, and it may open that many sockets
// (RLIMIT_NOFILE is raised as far as needed).
Result<> check_task(const LoginTask& task);

class LoginAgent {
public:
    LoginAgent(LoginTask task, LoginFolder folder);
    LoginAgent(const LoginAgent&) = delete;
    LoginAgent& operator=(const LoginAgent&) = delete;

    // Until SIGTERM or SIGINT, or until something cannot be recorded.  started is called once the
    // first status stands in the folder.
    Result<> run(const std::function<void()>& started);

private:
    struct Connection {
        Fd fd;
        uint32_t opened = 0;  // how often: tells a late event of an earlier connection apart
        std::string unsent;
    };

    Result<> prepare();
    int64_t until_alarm() const;
    Result<bool> turn();
    void on_event(uint64_t key, uint32_t events);
    void on_alarm(uint32_t index, int64_t now);
    void perform(uint32_t index, const LoginView& before, const LoginActions& actions, int64_t now);
    void broken(uint32_t index, LoginCause cause, int64_t now);
    std::optional<LoginCause> open(uint32_t index);
    std::optional<LoginCause> send(uint32_t index, const std::string& bytes);
    void finish_connecting(uint32_t index, int64_t now);
    void receive(uint32_t index, int64_t now);
    bool watch(uint32_t index, uint32_t events, bool fresh);
    const Address& source_of(uint32_t index);
    Result<> record(int64_t now);
    Result<> write_status(const LoginStatus& status);
    void close_all();

    LoginTask task_;
    LoginFolder folder_;
    std::vector<LoginSession> sessions_;  // the held ones, then the canaries
    std::vector<Connection> connections_;
    LoginTimers timers_;  // the sessions', and one for the record
    LoginTally tally_;
    Fd epoll_;
    std::optional<StopSignal> stop_;
    std::vector<char> buffer_;
    std::string gaps_;  // lines not written yet
    int64_t next_record_ = 0;
    int64_t late_us_ = 0;
    uint32_t canaries_sent_ = 0;
    uint64_t failures_told_ = 0;
};

}  // namespace rehome::cutover
