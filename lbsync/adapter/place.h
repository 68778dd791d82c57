// Where lbsync keeps, on a target, who works there and what waits to be undone:
// /run/lbsync/net-INODE, one folder for each network namespace, gone after a boot as the kernel's
// rule sets are.
//
//   lock       who works here: flock(2) of a living process, with a line of JSON about it
//   ID.arming  an undo that is to wait ("rehome/lbsync-armed/1"), until a process takes it on
//   armed      that undo, once it waits
//   ID.timer   locked by the process that waits for it
//   ID.loading locked by a transaction of that apply, while it is being loaded
//   undone     what the last one has put back, until somebody holds the lock for other work
#pragma once

#include <optional>
#include <string>

#include "common/error.h"
#include "common/fd.h"
#include "common/process.h"

namespace rehome::lbsync {

// Made if it is not there, for its owner alone.
Result<std::string> place_here();

// Who holds a lock, as a line of JSON tells it.
struct Holder {
    std::string by;       // "root@ops1, process 4711"
    std::string command;  // "lbsync apply --inventory inventory.json"
    std::string since;
    ProcessMark process{};  // on the target
    bool yields = false;    // to an undo whose time has come

    std::string text() const;  // "root@ops1, process 4711, since ...: lbsync apply ..."
};

// The lock, for as long as it stays open; an error (Exit::no) says who holds it.
Result<Fd> take_lock(const std::string& place, const Holder& holder);

// The same for who may not be refused: waits, turns out a holder that yields.
Result<Fd> insist_on_lock(const std::string& place, const Holder& holder);

// Nothing when nobody has it.
std::optional<Holder> holder_of(const std::string& place);

// Whether some living process holds this file locked.
bool is_locked(const std::string& path);

}  // namespace rehome::lbsync
