// flock(2), rename(2), proc(5), pidfd_open(2).
#include "cutover/adapter/login/folder.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <optional>
#include <system_error>

#include <fmt/format.h>

#include "common/json/file.h"

namespace rehome::cutover {
namespace {

tl::unexpected<Error> system_error(const std::string& path, const char* what) {
    return fail(Exit::world, path,
                fmt::format("{}: {}", what, std::generic_category().message(errno)));
}

Result<> write_all(const Fd& fd, const std::string& path, std::string_view text) {
    while (!text.empty()) {
        const ssize_t count = write(fd.get(), text.data(), text.size());
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return system_error(path, "cannot be written");
        text.remove_prefix(static_cast<size_t>(count));
    }
    return {};
}

std::optional<uint64_t> number(std::string_view text) {
    uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end == text.data()) return std::nullopt;
    return value;
}

// Field 22 of /proc/PID/stat.  The second field is a name in parentheses that may hold anything.
std::optional<uint64_t> start_time(pid_t pid) {
    char text[1024];
    const Fd fd(open(fmt::format("/proc/{}/stat", pid).c_str(), O_RDONLY | O_CLOEXEC));
    const ssize_t length = fd ? read(fd.get(), text, sizeof text) : -1;
    if (length <= 0) return std::nullopt;
    std::string_view rest(text, static_cast<size_t>(length));
    rest.remove_prefix(std::min(rest.rfind(')'), rest.size()));
    for (int field = 2; field < 22; ++field) {
        const size_t space = rest.find(' ');
        if (space == std::string_view::npos) return std::nullopt;
        rest.remove_prefix(space + 1);
    }
    return number(rest);
}

Result<LoginProcess> read_pid(const std::string& path) {
    const auto text = read_file(path, 4096);
    if (!text) return tl::unexpected(text.error());
    const std::string_view view = *text;
    const size_t space = view.find(' ');
    const auto pid = number(view.substr(0, space));
    const auto start = space == view.npos ? std::nullopt : number(view.substr(space + 1));
    if (!pid || !start) return fail(Exit::world, path, "not an agent's, expected \"PID START\"");
    return LoginProcess{static_cast<pid_t>(*pid), *start};
}

}  // namespace

std::string login_folder(const std::string& dir, const std::string& carrier) {
    return dir + "/" + carrier;
}

Result<LoginFolder> LoginFolder::take(const std::string& path) {
    std::error_code error;
    std::filesystem::create_directories(path, error);
    if (error) return fail(Exit::world, path, "cannot be made: " + error.message());
    const auto opened = [&path](const char* name, int flags) {
        return Fd(open((path + "/" + name).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0644));
    };
    LoginFolder folder;
    folder.path_ = path;
    folder.pid_ = opened("agent.pid", 0);
    folder.series_ = opened("series.jsonl", O_APPEND);
    folder.gaps_ = opened("gaps.jsonl", O_APPEND);
    if (!folder.pid_ || !folder.series_ || !folder.gaps_) {
        return system_error(path, "its files cannot be opened");
    }
    if (flock(folder.pid_.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK) return system_error(path + "/agent.pid", "cannot be locked");
        return fail(Exit::no, path, "an agent runs here already, expected none (`login stop`)");
    }
    return folder;
}

Result<> LoginFolder::write_pid() {
    const pid_t pid = getpid();
    const std::string path = path_ + "/agent.pid";
    const std::string text = fmt::format("{} {}\n", pid, start_time(pid).value_or(0));
    if (ftruncate(pid_.get(), 0) != 0) return system_error(path, "cannot be written");
    return write_all(pid_, path, text);
}

// No fsync: a status is worth nothing after a crash of the host, and waiting for the disk would
// make the agent late.
Result<> LoginFolder::write_status(std::string_view text) {
    const std::string path = path_ + "/status.json";
    const std::string fresh = path + ".new";
    const Fd fd(open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
    if (!fd) return system_error(fresh, "cannot be opened");
    auto written = write_all(fd, fresh, text);
    if (!written) return written;
    if (rename(fresh.c_str(), path.c_str()) != 0) return system_error(path, "cannot be replaced");
    return {};
}

Result<> LoginFolder::append(const Fd& fd, const char* name, std::string_view text) {
    return write_all(fd, path_ + "/" + name, text);
}

Result<LiveAgent> find_agent(const std::string& folder) {
    const std::string path = folder + "/agent.pid";
    std::error_code error;
    // An agent that was just made has the file, but has not written to it yet.
    if (!std::filesystem::exists(path, error) || std::filesystem::file_size(path, error) == 0) {
        return LiveAgent{};
    }
    const auto process = read_pid(path);
    if (!process) return tl::unexpected(process.error());
    // By number: libc 2.36 declares pidfd_open without extern "C".
    Fd pidfd(static_cast<int>(syscall(SYS_pidfd_open, process->pid, 0)));
    if (!pidfd && errno != ESRCH) return system_error(path, "pidfd_open");
    // Looked at after the pidfd was taken: from here on the number cannot change hands.
    if (!pidfd || start_time(process->pid) != process->start) return LiveAgent{};
    return LiveAgent{*process, std::move(pidfd)};
}

bool LiveAgent::ask_to_end() const {
    return syscall(SYS_pidfd_send_signal, pidfd.get(), SIGTERM, nullptr, 0) == 0;
}

bool LiveAgent::await_end(int64_t limit_us) const {
    pollfd ended{pidfd.get(), POLLIN, 0};
    return poll(&ended, 1, static_cast<int>(std::max<int64_t>(limit_us, 0) / 1000)) > 0;
}

}  // namespace rehome::cutover
