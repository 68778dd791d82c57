// Carries a plan out: all of it, or nothing that is not told.
//
// Order: every batch is checked (nft -c), the state file is on disk, then each host's rule set in
// one transaction, then each gateway's file and reload; everything is read back and compared, since
// nft can exit 0 with nothing loaded.  Each target is read again just before it is touched.  At the
// first failure what was done is undone, in reverse.
//
// What is carried stays until undone.  An apply that a timer on the target undoes unless it is
// confirmed belongs between the transaction and its reading back.
#pragma once

#include <string>

#include "common/error.h"
#include "lbsync/adapter/gather.h"
#include "lbsync/adapter/undo.h"

namespace rehome::lbsync {

struct Carried {
    std::vector<Error> failures;  // empty: done, and read back
    Undone undone;                // after a failure
};

// Errors: before anything was touched.
Result<> check(const Plan& plan);

// state_file: written before the first act; empty: none.  One that exists is gone on with: its undo
// still leads back to before the first apply.
Carried carry(const Plan& plan, bool reload, const std::string& state_file);

}  // namespace rehome::lbsync
