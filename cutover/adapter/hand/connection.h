// One connection of a runner to a hand: a child process (ours, `ip netns exec`, ssh) and a thread
// that reads what the hand tells and echoes its beats.
//
// It is up from the welcome on and dead for good once the hand leaves, is silent for too long, or
// says what cannot be.  Thread-safe.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "common/child.h"
#include "cutover/adapter/hand/lines.h"
#include "cutover/hand/message.h"

namespace rehome::cutover {

class Connection {
public:
    using Notice = std::function<void(const std::string&)>;

    // Starts the hand by this command and greets it; notice hears what it waits for.
    static Result<std::unique_ptr<Connection>> open(const Argv& command, const Hello& hello,
                                                    Notice notice);
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;
    ~Connection();

    // The welcome; an error, of kind `no` where it was refused.  A hand that has nothing to tell
    // for so long is given up; one that says that it waits is waited for.
    Result<Welcome> await_welcome(Milliseconds limit);

    // The answer to an order with this id; an error once it is dead, or when the limit is over.
    Result<Ended> ask(const Job& job, Milliseconds limit) { return ask_for<Ended>(job, limit); }
    Result<Recalled> ask(const Recall& recall, Milliseconds limit) {
        return ask_for<Recalled>(recall, limit);
    }
    Result<Released> ask(const Release& release, Milliseconds limit) {
        return ask_for<Released>(release, limit);
    }

    bool is_dead() const;
    // Dead as the hand's end was closed: it was killed, or ssh has lost its host.
    bool is_cut() const;
    // The last time at which the hand was heard to be there.
    int64_t last_beat_us() const;

private:
    Connection(Piped child, const Hello& hello, Notice notice);

    template <class Answer, class Asked>
    Result<Answer> ask_for(const Asked& asked, Milliseconds limit) {
        auto tale = answer_to(asked.id, asked, limit);
        if (!tale) {
            return tl::unexpected(tale.error());
        }
        if (auto* answer = std::get_if<Answer>(&*tale)) {
            return std::move(*answer);
        }
        return tl::unexpected(give_up("answers what it was not asked"));
    }
    Result<Tale> answer_to(uint64_t id, const Order& order, Milliseconds limit);
    Error give_up(const std::string& why);

    void follow(const std::stop_token& end);
    void take_line(std::string_view line);
    void take_error(std::string_view bytes);
    void say(const Order& order);
    void flush();
    void die(const std::string& why);
    Error death() const;

    Piped child_;
    Hello hello_;
    Notice notice_;
    mutable std::mutex mutex_{};
    std::condition_variable changed_{};
    LinesIn heard_{longest_tale};
    LinesOut told_{};
    std::string errors_{};  // the end of what it said on standard error
    std::optional<Welcome> welcome_{};
    bool waits_ = false;
    bool refused_ = false;
    bool cut_ = false;
    std::string dead_{};  // why
    int64_t last_heard_us_;
    int64_t last_beat_us_;
    std::map<uint64_t, std::optional<Tale>> answers_{};  // none: not yet
    Fd wake_;
    std::jthread thread_{};  // last: it ends before what it uses
};

}  // namespace rehome::cutover
