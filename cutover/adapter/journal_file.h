// The journal on disk: appended and synced line by line, held by one runner at a time.
//
// The lock is the open file's own (fcntl(2), F_OFD_SETLK), so that it ends with the process,
// however that ends, and whether a runner is there can be asked without taking it.
#pragma once

#include <optional>
#include <string>

#include "common/fd.h"
#include "cutover/run/journal.h"

namespace rehome::cutover {

class JournalFile {
public:
    // A new journal with its first line; kind usage when there is one already.  A file in which no
    // run was begun (empty, or its first line torn) is taken over.
    static Result<JournalFile> create(const std::string& path, const Opening& opening);

    // An existing one, to go on with; a torn last line is cut off.
    static Result<JournalFile> open(const std::string& path);

    // On disk when it returns.  After an error nothing more may be appended.
    Result<> append(const Record& record);

    const Journal& read() const { return journal_; }  // what stood in it when it was opened

private:
    JournalFile(Fd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}

    static Result<JournalFile> lock(const std::string& path, int flags);
    Result<std::optional<Journal>> read_all();
    Result<> write_line(const std::string& line);
    Result<> cut_to(size_t bytes);
    Error system_error(const char* call) const;

    Fd fd_;
    std::string path_;
    Journal journal_;
    JournalWriter writer_;
    bool broken_ = false;
};

struct JournalSeen {
    Journal journal;
    bool running = false;  // a runner holds it now
};

// For a look, without the lock.
Result<JournalSeen> look_at_journal(const std::string& path);

}  // namespace rehome::cutover
