#include "lbsync/adapter/put.h"

#include <iostream>
#include <vector>

#include <fmt/format.h>

#include "common/json/file.h"
#include "common/sha256.h"

namespace rehome::lbsync {

namespace {

constexpr size_t most_bytes = 64u << 20;

}  // namespace

Result<std::string> read_standard_input() {
    std::string text;
    std::vector<char> buffer(1u << 16);
    while (std::cin.read(buffer.data(), static_cast<std::streamsize>(buffer.size())),
           std::cin.gcount() > 0) {
        text.append(buffer.data(), static_cast<size_t>(std::cin.gcount()));
        if (text.size() > most_bytes) {
            return fail(Exit::usage, "standard input",
                        fmt::format("is too long, expected at most {} bytes", most_bytes));
        }
    }
    return text;
}

Result<std::string> read_whole_input(const std::string& digest) {
    auto text = read_standard_input();
    if (text && sha256(*text) != digest) {
        return fail(Exit::world, "standard input",
                    fmt::format("was cut off, or is another than was sent: {} bytes came; nothing "
                                "was changed",
                                text->size()));
    }
    return text;
}

Result<> put(const std::string& path, const std::string& expected_sha256,
             const std::string& new_sha256) {
    const auto content = read_whole_input(new_sha256);
    if (!content) {
        return tl::unexpected(content.error());
    }
    const auto present = read_file(path);
    if (!present) {
        return fail(Exit::world, present.error().where, present.error().what);
    }
    if (const std::string digest = sha256(*present); digest != expected_sha256) {
        return fail(Exit::world, path,
                    fmt::format("has changed since it was read: its SHA-256 is {}, expected {}",
                                digest, expected_sha256));
    }
    return write_file_atomically(path, *content);
}

}  // namespace rehome::lbsync
