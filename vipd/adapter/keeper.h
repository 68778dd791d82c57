// What outlives a restart of vipd: the twins' descriptors, so that their links stay up and nothing
// that speaks through them notices, and the prefixes' routes, so that nothing is withdrawn.
//
// A small process of its own holds them (keep(), `vipd keep`), which the first vipd starts and
// every later one finds.  A vipd that is gone, however it went, has keeper_grace_ms to come back;
// then the keeper withdraws the routes, closes the twins (their links go down) and ends.  Signals
// that end a service do not end it before.
//
// Both speak over a UNIX socket in the abstract namespace, which belongs to the network namespace:
// one connection at a time, of the same user.  Messages are JSON, one a packet, with descriptors:
//     keeper, at once:  {"twins": [NAME, ...]}, and a descriptor for each
//     vipd:             the same, which replaces what was kept before
//                       {"routes": [PREFIX, ...]}  what is to be withdrawn
//                       {"end": true}              nothing is kept any more
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "common/address.h"
#include "common/error.h"
#include "common/fd.h"

namespace rehome::vipd {

inline constexpr int keeper_grace_ms = 1000;

class Keeper {
public:
    // The keeper that is there, or a new one.  key: of this vipd among those of the network
    // namespace; its control socket's path.
    static Result<Keeper> find(const std::string& key);

    // The descriptor of the twin of that name; none: it was not kept.
    Fd take(const std::string& twin);

    // Keeps duplicates of these descriptors from now on.
    Result<> keep_twins(const std::vector<std::string>& names, std::span<const int> fds);
    Result<> keep_routes(const std::vector<Prefix>& prefixes);
    // There is nothing to come back to: it ends.
    void end();
    bool gone() const;  // somebody has ended it

private:
    explicit Keeper(Fd socket) : socket_(std::move(socket)) {}

    Fd socket_;
    std::map<std::string, Fd> kept_;  // by an earlier vipd, and not taken yet
};

// The keeper itself: returns once it has nothing to keep any more.
Result<> keep(const std::string& key);

}  // namespace rehome::vipd
