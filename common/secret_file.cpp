// See secret_file.h.
#include "common/secret_file.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include "common/json/file.h"

namespace rehome {

namespace {

constexpr mode_t forbidden = S_IWGRP | S_IRWXO;

}  // namespace

// The mode is looked at before and after, so that nobody slips another file in between.
Result<std::string> read_secret_file(const std::string& path, size_t limit_bytes) {
    struct stat before {};
    struct stat after {};
    const bool there = stat(path.c_str(), &before) == 0;
    if (there && (before.st_mode & forbidden) != 0) {
        return fail(Exit::usage, path,
                    fmt::format("has mode {:04o}, expected one like 0640 that keeps others out",
                                before.st_mode & 07777));
    }
    auto text = read_file(path, limit_bytes);
    if (!text) {
        return text;
    }
    const bool same = stat(path.c_str(), &after) == 0 && before.st_ino == after.st_ino &&
                      before.st_mode == after.st_mode;
    if (!there || !same) {
        return fail(Exit::usage, path, "changed while it was read, expected another try");
    }
    return text;
}

}  // namespace rehome
