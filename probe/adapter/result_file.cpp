// See result_file.h.
//
// On the pipe: the content's length (8 bytes, the host's order), then the content.  A length that
// is not fulfilled means that the measuring process died: nothing is written then.
#include "probe/adapter/result_file.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <iostream>

#include "common/json/file.h"
#include "probe/adapter/system_error.h"

namespace rehome::probe {

namespace {

std::string read_all(int fd) {
    constexpr size_t limit = 64u << 20;
    std::string content;
    std::array<char, 65536> buffer{};
    while (content.size() <= limit) {
        const ssize_t size = read(fd, buffer.data(), buffer.size());
        if (size < 0 && errno == EINTR) {
            continue;
        }
        if (size <= 0) {
            break;
        }
        content.append(buffer.data(), static_cast<size_t>(size));
    }
    return content;
}

bool write_all(int fd, const char* data, size_t size) {
    while (size > 0) {
        const ssize_t written = ::write(fd, data, size);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            return false;
        }
        data += written;
        size -= static_cast<size_t>(written);
    }
    return true;
}

// The child's whole life.
[[noreturn]] void serve(int fd, const std::string& path) {
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    const std::string message = read_all(fd);
    uint64_t length = 0;
    if (message.size() < sizeof length) {
        _exit(0);  // the run failed before there was a result
    }
    std::memcpy(&length, message.data(), sizeof length);
    const std::string content = message.substr(sizeof length);
    if (content.size() != length) {
        _exit(0);
    }
    const Result<> written = write_file_atomically(path, content);
    if (!written) {
        std::cerr << written.error().text() << "\n";
    }
    _exit(written ? 0 : 1);
}

}  // namespace

Result<ResultFile> ResultFile::prepare(const std::string& path) {
    const auto folder = std::filesystem::path(path).parent_path();
    if (access(folder.empty() ? "." : folder.c_str(), W_OK | X_OK) != 0) {
        return fail_system(path, "its folder cannot be written");
    }
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0) {
        return fail_system(path, "pipe");
    }
    Fd reading(ends[0]);
    Fd writing(ends[1]);
    const pid_t child = fork();
    if (child < 0) {
        return fail_system(path, "fork");
    }
    if (child == 0) {
        writing.reset();
        serve(reading.get(), path);
    }
    return ResultFile(path, std::move(writing), child);
}

Result<> ResultFile::write(const std::string& content) {
    const uint64_t length = content.size();
    const bool passed =
        write_all(pipe_.get(), reinterpret_cast<const char*>(&length), sizeof length) &&
        write_all(pipe_.get(), content.data(), content.size());
    pipe_.reset();
    int status = 0;
    while (waitpid(writer_, &status, 0) < 0) {
        if (errno != EINTR) {
            return fail_system(path_, "waitpid");
        }
    }
    if (!passed || status != 0) {
        return fail(Exit::world, path_, "the result was not written");
    }
    return {};
}

}  // namespace rehome::probe
