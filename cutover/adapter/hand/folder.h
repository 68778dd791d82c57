// A hand's disk: BASE/PLACE/RUN, for its owner alone.
//
//   BASE/PLACE/guard        flock(2) on it while reign or lock.json change
//   BASE/PLACE/lock.json    the run that holds the host ("rehome/hand-lock/1")
//   RUN/lock                flock(2) on it by the hand that works, and by all its commands: free
//                           once nothing of them is left
//   RUN/reign.json          whom the run's hands obey ("rehome/hand-reign/1")
//   RUN/record.jsonl        what was begun, and how it ended; see record.h
//   RUN/door                where commands ask their hand; see common/hand_door.h
//
// PLACE is "local", or "netns-NAME": the host as it is seen from there, by whatever name it was
// reached.  RUN is the run's id, and a mark of that name where the host was reached by ssh: a run
// that knows it by two has two hands there.  The folders of other runs go when they are older than
// 90 days, or not among the newest 20.
#pragma once

#include <optional>
#include <string>

#include "common/fd.h"
#include "cutover/hand/reign.h"

namespace rehome::cutover {

// $REHOME_HAND_DIR; /var/lib/rehome/hand for root, $XDG_STATE_HOME/rehome/hand (or under
// ~/.local/state) for others.
std::string default_hand_base();

class HandFolder {
public:
    // Makes what is not there.
    static Result<HandFolder> open(const std::string& base, const std::string& place,
                                   const std::string& run, const std::string& as);

    const std::string& path() const { return run_; }
    std::string door() const { return run_ + "/door"; }

    // While it is open, nobody else changes the reign or who holds the host.
    Result<Fd> guard() const;
    Result<Reign> reign() const;  // of nobody when there was none
    Result<> write(const Reign& reign) const;
    Result<std::optional<Holder>> holder() const;
    Result<> write(const Holder& holder) const;
    Result<> release() const;  // where it is held by this run

    Result<bool> try_lock();  // false: another hand or its commands are still there

    // Without the lock: what stands in the record by now.
    Result<HandRecord> look() const;
    // With the lock: what stands in the record, whose torn last line is cut off.
    Result<HandRecord> read();
    Result<> append(const std::string& line);  // sync() brings it to the disk
    Result<> sync();

    void remove_old_runs() const;

private:
    HandFolder(std::string place, std::string id, const std::string& folder)
        : place_(std::move(place)), id_(std::move(id)), run_(place_ + "/" + folder) {}

    std::string record_path() const { return run_ + "/record.jsonl"; }

    std::string place_;
    std::string id_;
    std::string run_;
    Fd lock_{};
    Fd record_{};
};

// What holds a place, for a look; nothing: nobody.
Result<std::optional<Holder>> holder_of(const std::string& base, const std::string& place);

// Gives up the place where that run holds it, whatever has become of it; false: it does not.
Result<bool> give_up(const std::string& base, const std::string& place, const std::string& run);

// All places that there are in it.
std::vector<std::string> places_in(const std::string& base);

}  // namespace rehome::cutover
