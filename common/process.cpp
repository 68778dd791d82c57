// proc(5), pidfd_open(2), pidfd_send_signal(2), the latter by number: libc 2.36 declares its own
// without extern "C".
#include "common/process.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>

#include <fmt/format.h>

namespace rehome {

namespace {

template <size_t N>
std::string_view read_start(const std::string& path, std::array<char, N>& buffer) {
    const Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    const ssize_t length = fd ? read(fd.get(), buffer.data(), buffer.size()) : -1;
    return {buffer.data(), static_cast<size_t>(std::max<ssize_t>(length, 0))};
}

const std::string& boot_id() {
    static const std::string id = [] {
        std::array<char, 64> buffer{};
        const auto text = read_start("/proc/sys/kernel/random/boot_id", buffer);
        return std::string(text.substr(0, text.find('\n')));
    }();
    return id;
}

struct Stat {
    char state = 'X';
    uint64_t start = 0;
};

// The second field is a name in parentheses that may hold anything.
std::optional<Stat> read_stat(pid_t pid) {
    std::array<char, 1024> buffer{};
    std::string_view rest = read_start(fmt::format("/proc/{}/stat", pid), buffer);
    rest.remove_prefix(std::min(rest.rfind(')'), rest.size()));
    Stat stat;
    for (int field = 2; field < 22; ++field) {
        const size_t space = rest.find(' ');
        if (space == std::string_view::npos) {
            return std::nullopt;
        }
        rest.remove_prefix(space + 1);
        stat.state = field == 2 && !rest.empty() ? rest.front() : stat.state;
    }
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), stat.start);
    return error == std::errc() && end != rest.data() ? std::optional(stat) : std::nullopt;
}

}  // namespace

std::optional<uint64_t> process_start(pid_t pid) {
    const auto stat = read_stat(pid);
    return stat ? std::optional(stat->start) : std::nullopt;
}

ProcessMark mark_of(pid_t pid) {
    return mark_of(pid, process_start(pid).value_or(0));
}

ProcessMark mark_of(pid_t pid, uint64_t start) {
    return {pid, start, boot_id()};
}

// /proc is that of who mounted it.
ProcessMark own_mark() {
    std::array<char, 32> text{};
    const ssize_t length = readlink("/proc/self", text.data(), text.size());
    pid_t pid = 0;
    const auto end = text.data() + std::max<ssize_t>(length, 0);
    const bool is_number = std::from_chars(text.data(), end, pid).ec == std::errc();
    return mark_of(is_number ? pid : getpid());
}

bool is_running(const ProcessMark& process) {
    const auto stat = process.boot == boot_id() ? read_stat(process.pid) : std::nullopt;
    return stat && stat->start == process.start && stat->state != 'Z' && stat->state != 'X';
}

Fd open_process(const ProcessMark& process) {
    if (process.pid <= 0 || process.boot != boot_id()) {
        return Fd();
    }
    Fd pidfd(static_cast<int>(syscall(SYS_pidfd_open, process.pid, 0)));
    // Looked at after the pidfd was taken: from here on the number cannot change hands.
    return pidfd && process_start(process.pid) == process.start ? std::move(pidfd) : Fd();
}

bool signal_process(const Fd& pidfd, int signal) {
    return syscall(SYS_pidfd_send_signal, pidfd.get(), signal, nullptr, 0) == 0;
}

}  // namespace rehome
