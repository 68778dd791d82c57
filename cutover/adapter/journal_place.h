// What stands beside a journal, in JOURNAL.d: the head marker (see marker.h), and its home, which
// file on which host the journal is (JOURNAL.d/home, "rehome/journal-home/1").
//
// A journal that is renamed stays the same file.  One that is another file than its home says,
// while that one is still there, is a copy; where that one is gone, or was on another host, it was
// moved.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/fd.h"
#include "cutover/run/marker.h"

namespace rehome::cutover {

std::string folder_of(const std::string& journal);  // JOURNAL.d

// What is to be said of a journal before somebody goes on with it.
struct JournalPlace {
    std::string copy_of{};               // the file of which this is a copy; empty: it is none
    bool held_there = false;             // a cutover is running with that one
    std::vector<std::string> lacking{};  // see marker.h
    std::vector<std::string> remarks{};  // moved, or without a marker
};

// Of a journal that goes on it is to be read before the journal is.
Result<Marker> read_head(const std::string& journal);

// fd: the journal's file.
JournalPlace look_beside(const std::string& path, int fd, const Journal& journal,
                         const Result<Marker>& head);

// The same in words, for who looks.
std::vector<std::string> concerns(const JournalPlace& place);

// Whether somebody else holds the lock on that file.
bool is_held(int fd);

// Says that this file is the run's journal from here on; the folder is made.
Result<> write_home(const std::string& path, int fd);

// The head marker's file, open for as long as the run goes on.
class HeadFile {
public:
    HeadFile() = default;
    static Result<HeadFile> open(const std::string& journal);

    // sync: on disk when it returns.
    Result<> write(const Marker& marker, bool sync);

private:
    HeadFile(Fd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}

    Fd fd_;
    std::string path_;
};

}  // namespace rehome::cutover
