// Carries a plan out: all of it, or nothing that is not told.
//
// Order: every host is locked and every batch checked (nft -c), the state file is on disk, then
// each host's rule set in one transaction, then each gateway's file and reload; everything is read
// back and compared, since nft can exit 0 with nothing loaded.  Each target is read again just
// before it is touched.  Many hosts are gone through at once.  At the first failure, or when the
// operator wishes it, no more is begun and what was done is undone.
//
// With confirm_s each target is armed before the first of them is changed: a process there puts
// back what is not confirmed in time (lbsync/adapter/armed_undo.h).  vipd's file then has its new
// text only while vipd reloads it, so that a reboot comes up with the old one.
#pragma once

#include <string>

#include "common/error.h"
#include "common/stop_signal.h"
#include "lbsync/adapter/gather.h"
#include "lbsync/adapter/undo.h"

namespace rehome::lbsync {

struct Manner {
    bool reload = true;      // vipd is told
    std::string state_file;  // written before the first act; empty: none.  One that exists is gone
                             // on with: its undo still leads back to before the first apply
    unsigned at_once = 32;
    int64_t confirm_s = 0;  // the targets undo it after so many seconds, unless it is confirmed;
                            // 0: what was read back stays.  Boot files are written when it stays
};

struct Carried {
    std::vector<Error> failures;  // empty: done, and read back
    Undone undone;                // after a failure
    std::string until;            // when it is undone unless it is confirmed; empty: it stays
};

// Errors: before anything was touched.
Checked<void> check(const Plan& plan, unsigned at_once);

Carried carry(const Plan& plan, const Manner& manner, const StopSignal& stop);

}  // namespace rehome::lbsync
