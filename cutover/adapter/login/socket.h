// Non-blocking TCP connections to a pinned VIP from a given client address.
//
// Errors here are errno values, which cause_of() turns into what a session understands: what the
// far side did is told apart from what this host could not do.
#pragma once

#include <string>

#include <tl/expected.hpp>

#include "common/address.h"
#include "common/fd.h"
#include "cutover/login/session.h"

namespace rehome::cutover {

// Where a carrier's sessions go, and how they are bound to its path.
struct LoginPath {
    Endpoint remote;
    uint32_t mark = 0;      // SO_MARK; 0: none
    std::string interface;  // SO_BINDTODEVICE; empty: none
};

// A connection under way.  The kernel chooses the local port only now, so that a port may serve
// several remotes and is a new one each time (IP_BIND_ADDRESS_NO_PORT).
tl::expected<Fd, int> open_connection(const LoginPath& path, const Address& source);

int pending_error(int fd);  // SO_ERROR; 0: none
Endpoint local_endpoint(int fd);

// Why a connection ended, from errno of a socket call on it.
LoginCause cause_of(int error);

// Whether connections can be opened from this address: it is this host's, and the mark and the
// interface may be set.
Result<> check_source(const LoginPath& path, const Address& source);

// Whether this host has a way to the remote by that path; the source is bound where it is of the
// same family.  Nothing is sent.
Result<> check_route(const LoginPath& path, const Address& source);

}  // namespace rehome::cutover
