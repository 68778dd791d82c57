// What lbsync does on a host, all of it by commands that an operator could type.
//
// Every call is bounded in time.  A command that fails is an Error (Exit::world) with the host and
// what the command said.
#pragma once

#include <string>
#include <vector>

#include "common/error.h"
#include "common/host.h"
#include "lbsync/iptables/steps.h"
#include "lbsync/nft/learned.h"
#include "lbsync/nft/read.h"
#include "lbsync/plan/armed.h"

namespace rehome::lbsync {

class Remote {
public:
    static Result<Remote> to(const std::string& host);

    Result<std::string> read_file(const std::string& path) const;

    // Writes the file atomically, unless it no longer has this digest.
    Result<> write_file(const std::string& path, const std::string& content,
                        const std::string& expected_sha256) const;

    // By `lbsync read` there, in one state.  Where lbsync is not, or is of another version, what
    // nft prints is read all the same, with a doubt that says so.
    Result<Reading> ruleset() const;

    // What rules have added to the dynamic sets of this rule set.
    Result<std::vector<Learned>> learned(const Ruleset& ruleset) const;

    Result<> check_batch(const std::string& batch) const;  // nft -c: nothing is changed

    // One transaction, if all of it gets there.  armed: the id of the apply that waits to be
    // confirmed there; empty: none does.
    Result<> run_batch(const std::string& batch, const std::string& armed = "") const;
    Result<> run_steps(const std::vector<iptables::Step>& steps) const;

    // An undo that waits there (lbsync/adapter/armed_undo.h).
    Result<Standing> standing() const;
    Result<Armed> arm(const Armed& armed, int64_t seconds) const;
    Result<> confirm(const std::string& id) const;
    Result<> disarm(const std::string& id) const;

    // By vipctl.  Exit::world also when vipd does not run.
    Result<> reload(const std::string& socket) const;
    Result<std::string> config(const std::string& socket) const;

    const Host& host() const { return host_; }
    std::string name() const { return host_.text(); }

private:
    explicit Remote(Host host) : host_(std::move(host)) {}

    Result<Reading> by_text_alone(const std::string& why) const;
    Result<std::string> command(const Argv& argv, const std::string& input = "") const;
    Result<std::string> ours(std::string_view program, const Argv& words,
                             const std::string& input = "") const;

    Host host_;
};

}  // namespace rehome::lbsync
