// flock(2), rename(2).
#include "cutover/adapter/login/folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <filesystem>
#include <optional>
#include <system_error>
#include <thread>

#include <fmt/format.h>

#include "common/clock.h"
#include "common/hand_door.h"
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

Result<ProcessMark> read_pid(const std::string& path) {
    const auto text = read_file(path, 4096);
    if (!text) return tl::unexpected(text.error());
    const std::string_view view = *text;
    const size_t space = view.find(' ');
    const auto pid = number(view.substr(0, space));
    const auto start = space == view.npos ? std::nullopt : number(view.substr(space + 1));
    if (!pid || !start) return fail(Exit::world, path, "not an agent's, expected \"PID START\"");
    return mark_of(static_cast<pid_t>(*pid), *start);
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
    const ProcessMark own = own_mark();
    const std::string path = path_ + "/agent.pid";
    const std::string text = fmt::format("{} {}\n", own.pid, own.start);
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

Result<std::optional<LiveAgent>> find_agent(const std::string& folder) {
    const std::string path = folder + "/agent.pid";
    std::error_code error;
    // An agent that was just made has the file, but has not written to it yet.
    if (!std::filesystem::exists(path, error) || std::filesystem::file_size(path, error) == 0) {
        return std::optional<LiveAgent>();
    }
    const auto process = read_pid(path);
    if (!process) return tl::unexpected(process.error());
    return is_running(*process) ? std::optional(LiveAgent{*process}) : std::nullopt;
}

// As a command of a hand we cannot send it a signal ourselves.
Result<bool> LiveAgent::ask_to_end() const {
    return terminate(process);
}

bool LiveAgent::await_end(int64_t limit_us) const {
    const int64_t deadline = monotonic_us() + limit_us;
    while (is_running(process)) {
        if (monotonic_us() >= deadline) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return true;
}

}  // namespace rehome::cutover
