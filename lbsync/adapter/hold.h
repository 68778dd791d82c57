// The lock of a target, held for as long as somebody changes it.
//
// On the target `lbsync hold` holds it and waits for the end of its input, so that it ends with the
// connection, however that ends.  One line of JSON on its output says that it holds, or who does.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "common/child.h"
#include "common/error.h"
#include "common/host.h"

namespace rehome::lbsync {

// The far end: returns when its input has ended.
Result<> hold(const std::string& by, const std::string& command);

// "root@ops1", and this process's own words, for who is held off.
std::string who_we_are();
std::string our_command();

// The near end.  Move only; the lock goes with it.
class Hold {
public:
    // Errors: somebody else has it (Exit::no), or it could not be told (Exit::world).
    static Result<Hold> take(const Host& host);

    Hold(Hold&& other) noexcept = default;
    Hold& operator=(Hold&& other) noexcept = default;
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;
    ~Hold();

    // An error when the far end has gone, and with it the lock.
    Result<> expect() const;

private:
    Hold(std::string name, Piped child) : name_(std::move(name)), child_(std::move(child)) {}

    std::string name_;
    Piped child_;
};

// Several targets' locks.
class Holds {
public:
    // All of them, or an error for each host that is not ours; the others are.
    Checked<void> take(const std::vector<std::string>& hosts, unsigned at_once);

    std::vector<std::string> hosts() const;  // that are held
    Result<> expect(const std::string& host) const;

private:
    std::map<std::string, Hold> holds_;
};

}  // namespace rehome::lbsync
