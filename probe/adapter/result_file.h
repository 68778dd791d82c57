// A result file that is written although the measuring process has given up its privileges.
//
// A child, forked while they are still there, holds no socket and parses nothing: it copies what
// the pipe brings into the file, atomically, and only if it is whole.  It outlives signals to the
// process group, so that an interrupted run is saved too.
#pragma once

#include <sys/types.h>

#include <string>

#include "common/error.h"
#include "common/fd.h"

namespace rehome::probe {

class ResultFile {
public:
    // Before sockets are opened.  Fails at once when the folder cannot be written.
    static Result<ResultFile> prepare(const std::string& path);

    // Waits until the file is on disk.
    Result<> write(const std::string& content);

private:
    ResultFile(std::string path, Fd pipe, pid_t writer)
        : path_(std::move(path)), pipe_(std::move(pipe)), writer_(writer) {}

    std::string path_;
    Fd pipe_;
    pid_t writer_;
};

}  // namespace rehome::probe
