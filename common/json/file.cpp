// Pointers: RFC 6901, section 3.  The atomic replacement follows open(2), fsync(2) and rename(2):
// the content is on the disk before the name points to it, and the name before we say that it is
// done.
#include "common/json/file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>

#include "common/fd.h"
#include "common/json/schema.h"
#include "common/json/text.h"

namespace rehome {

namespace {

using nlohmann::json;

tl::unexpected<Error> system_error(Exit kind, const std::string& path, std::string_view call) {
    return fail(kind, path, fmt::format("{}: {}", call, strerror(errno)));
}

std::string folder_of(const std::string& path) {
    const size_t slash = path.rfind('/');
    if (slash == std::string::npos) {
        return ".";
    }
    return slash == 0 ? "/" : path.substr(0, slash);
}

bool write_all(int fd, std::string_view content) {
    while (!content.empty()) {
        const ssize_t count = write(fd, content.data(), content.size());
        if (count < 0 && errno != EINTR) {
            return false;
        }
        content.remove_prefix(count > 0 ? static_cast<size_t>(count) : 0);
    }
    return true;
}

// Where a symbolic link leads to, so that the link stays; a path that is none, as it is.
Result<std::string> file_behind(const std::string& path) {
    struct stat status {};
    if (lstat(path.c_str(), &status) != 0 || !S_ISLNK(status.st_mode)) {
        return path;
    }
    const std::unique_ptr<char, decltype(&free)> target(realpath(path.c_str(), nullptr), &free);
    if (!target) {
        return system_error(Exit::world, path, "is a symbolic link that leads nowhere");
    }
    return std::string(target.get());
}

// Owner, group and mode of the one that it replaces.  The owner first: changing it clears bits of
// the mode.
bool take_over_owner_and_mode(int fd, const std::string& path) {
    struct stat old {};
    if (stat(path.c_str(), &old) != 0) {
        return fchmod(fd, 0644) == 0;
    }
    struct stat fresh {};
    if (fstat(fd, &fresh) != 0) {
        return false;
    }
    const bool other = fresh.st_uid != old.st_uid || fresh.st_gid != old.st_gid;
    return (!other || fchown(fd, old.st_uid, old.st_gid) == 0) &&
           fchmod(fd, old.st_mode & 07777) == 0;
}

// Fills the temporary file and gives it the name.
Result<> fill_and_rename(int fd, const std::string& temporary, const std::string& path,
                         std::string_view content) {
    if (!write_all(fd, content)) {
        return system_error(Exit::world, temporary, "cannot be written");
    }
    if (!take_over_owner_and_mode(fd, path)) {
        return system_error(Exit::world, path, "its owner and mode cannot be kept");
    }
    if (fsync(fd) != 0) {
        return system_error(Exit::world, temporary, "cannot be brought to the disk");
    }
    if (rename(temporary.c_str(), path.c_str()) != 0) {
        return system_error(Exit::world, path, "cannot be replaced");
    }
    return {};
}

Result<> replace_file(const std::string& path, std::string_view content) {
    // Hidden, so that no `include "FOLDER/*"` loads what a killed process leaves there.
    const size_t slash = path.rfind('/') + 1;
    std::string temporary = path.substr(0, slash) + "." + path.substr(slash) + ".XXXXXX";
    const Fd fd(mkostemp(temporary.data(), O_CLOEXEC));
    if (!fd) {
        return system_error(Exit::world, path, "no temporary file beside it");
    }
    if (auto done = fill_and_rename(fd.get(), temporary, path, content); !done) {
        unlink(temporary.c_str());
        return done;
    }
    const Fd folder(open(folder_of(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!folder || fsync(folder.get()) != 0) {
        return system_error(Exit::world, path, "its folder cannot be brought to the disk");
    }
    return {};
}

Checked<json> checked(std::optional<json> document, Mistakes& mistakes) {
    if (!document || !mistakes.none()) {
        return tl::unexpected(mistakes.take());
    }
    return std::move(*document);
}

}  // namespace

void Mistakes::add(std::string_view pointer, std::string_view what) {
    const std::string at = under_ + std::string(pointer);
    const std::string where = at.empty() ? file_ : fmt::format("{}: {}", file_, at);
    // Keys and names of the file must not break the line that tells of them.
    Error error{Exit::usage, in_one_line(where), in_one_line(what)};
    pointers_.emplace(pointer);
    if (told_.emplace(error.where, error.what).second) {
        errors_.push_back(std::move(error));
    }
}

bool Mistakes::has_at(std::string_view pointer) const {
    return pointers_.find(pointer) != pointers_.end();
}

bool Mistakes::has_in(std::string_view pointer) const {
    const std::string below = std::string(pointer) + "/";
    const auto first = pointers_.lower_bound(below);
    return has_at(pointer) || (first != pointers_.end() && first->starts_with(below));
}

bool Mistakes::has(std::string_view pointer) const {
    if (pointers_.empty()) {
        return false;
    }
    for (;;) {
        if (pointers_.find(pointer) != pointers_.end()) {
            return true;
        }
        if (pointer.empty()) {
            return false;
        }
        pointer = pointer.substr(0, pointer.rfind('/'));
    }
}

std::string pointer_to(std::string_view pointer, std::string_view key) {
    std::string result(pointer);
    result += '/';
    for (const char c : key) {
        if (c == '~') {
            result += "~0";
        } else if (c == '/') {
            result += "~1";
        } else {
            result += c;
        }
    }
    return result;
}

std::string pointer_to(std::string_view pointer, size_t index) {
    return fmt::format("{}/{}", pointer, index);
}

std::optional<json> parse_json(Mistakes& mistakes, std::string_view text, std::string_view schema) {
    auto document = parse_json_text(mistakes, text);
    if (document) {
        check_schema(mistakes, *document, schema);
    }
    return document;
}

Checked<json> parse_json(std::string_view file, std::string_view text, std::string_view schema) {
    Mistakes mistakes{std::string(file)};
    auto document = parse_json(mistakes, text, schema);
    return checked(std::move(document), mistakes);
}

Checked<json> read_json(const std::string& path, std::string_view schema, size_t limit_bytes) {
    const auto text = read_file(path, limit_bytes);
    if (!text) {
        return tl::unexpected(std::vector<Error>{text.error()});
    }
    return parse_json(path, *text, schema);
}

Result<std::string> read_file(const std::string& path, size_t limit_bytes) {
    // Not blocking: opening a FIFO would wait for a writer for ever.
    const Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    struct stat status {};
    if (!fd || fstat(fd.get(), &status) != 0) {
        return system_error(Exit::usage, path, "cannot be read");
    }
    if (!S_ISREG(status.st_mode)) {
        return fail(Exit::usage, path, "is no regular file");
    }
    std::string text;
    std::vector<char> buffer(1u << 16);
    for (;;) {
        const ssize_t got = read(fd.get(), buffer.data(), buffer.size());
        if (got == 0) {
            return text;
        }
        if (got < 0 && errno != EINTR) {
            return system_error(Exit::usage, path, "cannot be read");
        }
        text.append(buffer.data(), got > 0 ? static_cast<size_t>(got) : 0);
        if (text.size() > limit_bytes) {
            return fail(Exit::usage, path,
                        fmt::format("is too long, expected at most {} bytes", limit_bytes));
        }
    }
}

Result<> write_file_atomically(const std::string& path, std::string_view content) {
    const auto file = file_behind(path);
    return file ? replace_file(*file, content) : tl::unexpected(file.error());
}

}  // namespace rehome
