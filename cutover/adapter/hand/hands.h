// The hands that a runner has on its hosts: each is started when it is first needed and kept for
// the run; one that is lost is reached anew.  The one way by which a runner runs anything.
//
// Of an act whose connection is lost the hand's record is asked until the time is over in which the
// hand must have ended it (pulse.h, and the grace); after that nobody can tell.  A greeting and a
// look, which do no harm twice, are tried once more when the connection is cut.  Thread-safe.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "common/host.h"
#include "cutover/adapter/hand/connection.h"
#include "cutover/run/world.h"

namespace rehome::cutover {

// The hello of a run in this epoch by this process, but for what is asked of one host.
// $REHOME_HAND_SILENCE_S and $REHOME_HAND_GRACE_S shorten what a hand waits for.
Result<Hello> hello_of(const std::string& run, uint64_t epoch, const std::string& journal);

class Hand {
public:
    Hand(std::string title, Host host, Hello hello, Connection::Notice notice);

    Result<Welcome> reach();

    Result<Finished> look(const Argv& argv, Milliseconds limit);
    Fate act(const Argv& argv, Milliseconds limit, const Entry& entry);
    Fate recall(size_t line);
    Result<> release();

    const std::string& title() const { return title_; }
    bool is_held() const { return hello_.lock; }

private:
    Result<std::shared_ptr<Connection>> connection();
    Result<std::shared_ptr<Connection>> greet();
    Result<Ended> ask_to_look(const Argv& argv, Milliseconds limit);
    Fate recall_until(size_t line, int64_t until_us);
    Error at_host(const Error& error) const;

    std::string title_;
    Host host_;
    Hello hello_;
    Connection::Notice notice_;
    std::mutex mutex_{};  // while it is reached
    std::shared_ptr<Connection> connection_{};
    std::atomic<bool> reached_{false};
    std::atomic<uint64_t> id_{0};
};

class Hands {
public:
    using Notice = std::function<void(const std::string&)>;

    Hands(Hello hello, Notice notice) : hello_(std::move(hello)), notice_(std::move(notice)) {}

    // These hosts (by the names that an operator knows) are held for the run from here on; to be
    // asked for before they are used otherwise.
    void hold(const std::string& title, const Host& host);

    Hand& at(const Host& host);

    struct Reached {
        std::string title;
        bool held = false;
        Result<Welcome> welcome;
    };
    // All of them that are known, side by side.
    std::vector<Reached> reach_all();

    // Those that are held; an error lists which could not be told.
    Result<> release_all();

private:
    Hand& known(const std::string& title, const Host& host, bool lock);

    Hello hello_;
    Notice notice_;
    std::mutex mutex_{};
    std::map<std::string, std::unique_ptr<Hand>> hands_{};  // by the host's text
};

}  // namespace rehome::cutover
