// The far end of `apply --confirm`: an undo that waits on the target, all of it done there.
//
// arm      leaves a process behind that waits: by systemd-run where the host is systemd's, else
//          detached, so that it survives the connection that armed it
// wait     that process: it makes the record stand, so that none does for which nobody waits; at
//          the deadline it takes the lock, turning out who still works there, waits for the end of
//          a transaction that is being loaded, and undoes what still reads as the apply left it;
//          it ends at once when the record has gone
// confirm  before the deadline, and only while every table reads as the apply left it: writes the
//          boot files and takes the record away
// disarm   takes the record away, when the caller has put all back
#pragma once

#include <cstdint>
#include <string>

#include "common/child.h"
#include "common/error.h"
#include "common/fd.h"
#include "lbsync/plan/armed.h"

namespace rehome::lbsync {

// armed: without its times.  Gives them.
Result<Armed> arm(Armed armed, int64_t seconds);

Result<Standing> standing_here();

// id: what was armed; anything else that stands there is left alone.  To disarm what is not armed
// is no error.
Result<> confirm(const std::string& id);
Result<> disarm(const std::string& id);

// What a transaction of this apply holds until it has ended.  None begins once the time is over.
Result<Fd> begin_loading(const std::string& id);

// Standard input is the network namespace in which it works.
Result<> wait_and_undo(const std::string& place, const std::string& id);

// What starts the waiting process: directly, or by systemd-run.
Argv waiting_command(const std::string& program, const std::string& place, const std::string& id,
                     bool systemd);

}  // namespace rehome::lbsync
