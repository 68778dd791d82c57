// A result file that is written although the measuring process has given up its privileges, by a
// child (writer_child.h) that parses nothing: it puts what it gets into the file, atomically, and
// only if it is whole.
#pragma once

#include <string>

#include "probe/adapter/writer_child.h"

namespace rehome::probe {

class ResultFile {
public:
    // Before sockets are opened.  Fails at once when the folder cannot be written.
    static Result<ResultFile> prepare(const std::string& path);

    // Waits until the file is on disk.
    Result<> write(const std::string& content);

private:
    ResultFile(std::string path, WriterChild writer)
        : path_(std::move(path)), writer_(std::move(writer)) {}

    std::string path_;
    WriterChild writer_;
};

}  // namespace rehome::probe
