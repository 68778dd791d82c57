// The journal on disk: appended and synced line by line, held by one runner at a time.
//
// The lock is the open file's own (fcntl(2), F_OFD_SETLK), so that it ends with the process,
// however that ends, and whether a runner is there can be asked without taking it.
#pragma once

#include <optional>
#include <string>

#include "common/fd.h"
#include "cutover/adapter/journal_place.h"
#include "cutover/run/journal.h"

namespace rehome::cutover {

class JournalFile {
public:
    // A new journal with its first line; kind usage when there is one already.  A file in which no
    // run was begun (empty, or its first line torn) is taken over.
    static Result<JournalFile> create(const std::string& path, const Opening& opening);

    // An existing one, to go on with; a torn last line is cut off.  A copy of one that is still
    // there is refused; one that lacks what its head marker knows too, unless that is accepted.
    static Result<JournalFile> open(const std::string& path, bool accept_loss);

    // On disk when it returns.  After an error nothing more may be appended.
    Result<> append(const Record& record);

    // Removes it where nothing was ever appended: no run was begun.
    void discard_unused();

    const std::string& last_sum() const { return writer_.last_sum(); }

    const Journal& read() const { return journal_; }  // what stood in it when it was opened

    // What is to be said of it where it is gone on with: what was accepted to be missing, whence it
    // was moved; empty: nothing.
    const std::string& remarks() const { return remarks_; }

private:
    JournalFile(Fd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}

    static Result<JournalFile> lock(const std::string& path, int flags);
    Result<std::optional<Journal>> read_all();
    Result<> write_line(const std::string& line);
    Result<> cut_to(size_t bytes);
    Result<> look_around(bool accept_loss);
    Result<> settle_here();
    Result<> write_head(bool sync);
    Error system_error(const char* call) const;

    Fd fd_;
    std::string path_;
    Journal journal_;
    JournalWriter writer_;
    HeadFile head_;
    Marker marker_;
    std::string remarks_;
    bool broken_ = false;
    bool is_used_ = false;
};

struct JournalSeen {
    Journal journal;
    bool running = false;  // a runner holds it now
    JournalPlace place{};
};

// For a look, without the lock.
Result<JournalSeen> look_at_journal(const std::string& path);

}  // namespace rehome::cutover
