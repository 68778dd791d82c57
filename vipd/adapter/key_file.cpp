#include "vipd/adapter/key_file.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include "common/json/file.h"

namespace rehome::vipd {

namespace {

constexpr size_t longest = 65'536;
constexpr mode_t forbidden = S_IWGRP | S_IRWXO;

}  // namespace

// The mode is looked at before and after, so that nobody slips another file in between.
Checked<Keyring> read_key_file(const std::string& path) {
    const auto refuse = [](Error error) {
        return tl::unexpected(std::vector<Error>{std::move(error)});
    };
    struct stat before {};
    struct stat after {};
    const bool there = stat(path.c_str(), &before) == 0;
    if (there && (before.st_mode & forbidden) != 0) {
        return refuse({Exit::usage, path,
                       fmt::format("has mode {:04o}, expected one like 0640 that keeps others out",
                                   before.st_mode & 07777)});
    }
    const auto text = read_file(path, longest);
    if (!text) {
        return refuse(text.error());
    }
    const bool same = stat(path.c_str(), &after) == 0 && before.st_ino == after.st_ino &&
                      before.st_mode == after.st_mode;
    if (!there || !same) {
        return refuse({Exit::usage, path, "changed while it was read, expected another try"});
    }
    return parse_keyring(path, *text);
}

}  // namespace rehome::vipd
