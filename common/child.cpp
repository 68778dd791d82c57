// fork(2) and execvp(3) with a close-on-exec pipe on which the child tells why it could not start;
// pidfd_open(2) makes its end something to poll(2) for.  Between fork and exec only
// async-signal-safe calls are made, as other threads may have held any lock.
#include "common/child.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>

#include "common/clock.h"
#include "common/fd.h"
#include "common/pipe.h"

namespace rehome {

namespace {

using std::chrono::milliseconds;

// From SIGTERM to SIGKILL, and from SIGKILL to giving up on a child stuck in the kernel.
constexpr milliseconds patience{2'000};

// linux/close_range.h, which libc's unistd.h does not have.
constexpr int close_on_exec = 1 << 2;

// libc 2.36 declares its own without extern "C".
int open_pidfd(pid_t pid) {
    return static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
}

Error system_error(const Argv& argv, std::string_view call) {
    return {Exit::world, printable(argv), fmt::format("{}: {}", call, strerror(errno))};
}

int exit_code(int status) {
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// ---- starting -----------------------------------------------------------------------------------

// Everything that the child needs between fork and exec, made before the fork.
struct Plan {
    std::vector<char*> words;                 // ends with a null pointer, points into the Argv
    std::array<int, 3> standard{-1, -1, -1};  // what becomes descriptors 0, 1, 2; -1: inherited
    bool detached = false;
    bool alone = false;  // a session of its own, but our child
    int report = -1;     // the writing end of the pipe
    pid_t parent = 0;
};

// What the child writes on the pipe: first with no error, and again if it cannot go on.
struct Report {
    pid_t pid = 0;
    int error = 0;
};

void tell(const Plan& plan, int error) {
    const Report report{getpid(), error};
    // Smaller than PIPE_BUF: whole or not at all, and then the parent sees an end without a report.
    (void)!write(plan.report, &report, sizeof report);
}

void restore_signals() {
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    for (const int number : {SIGPIPE, SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGCHLD}) {
        signal(number, SIG_DFL);
    }
}

// In the child, with nothing but async-signal-safe calls.
[[noreturn]] void become(const Plan& plan) {
    restore_signals();
    if (plan.alone) {
        setsid();
    } else if (!plan.detached) {
        setpgid(0, 0);
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        // The parent may have died before prctl.
        if (getppid() != plan.parent) {
            _exit(127);
        }
    }
    tell(plan, 0);
    for (int i = 0; i < 3; ++i) {
        const int source = plan.standard[static_cast<size_t>(i)];
        if (source >= 0 && dup2(source, i) < 0) {
            tell(plan, errno);
            _exit(127);
        }
    }
    close_range(3, ~0U, close_on_exec);
    execvp(plan.words[0], plan.words.data());
    tell(plan, errno);
    _exit(127);
}

// A session of its own, and a parent (us) that has gone, so that init collects it one day.
[[noreturn]] void become_detached(const Plan& plan) {
    setsid();
    const pid_t grandchild = fork();
    if (grandchild < 0) {
        tell(plan, errno);
    }
    if (grandchild != 0) {
        _exit(0);
    }
    become(plan);
}

// Reads until the pipe closes, which exec does; the last report counts.
std::optional<Report> read_reports(int fd) {
    std::optional<Report> last;
    Report report;
    for (;;) {
        const ssize_t got = read(fd, &report, sizeof report);
        if (got == static_cast<ssize_t>(sizeof report)) {
            last = report;
        } else if (got >= 0 || errno != EINTR) {
            return last;
        }
    }
}

// The child's id once its program runs.
Result<pid_t> start(const Argv& argv, Plan plan) {
    if (argv.empty()) {
        return fail(Exit::world, "", "no command was given to run");
    }
    auto pipe = make_pipe();
    if (!pipe) {
        return tl::unexpected(system_error(argv, "pipe"));
    }
    for (const std::string& word : argv) {
        plan.words.push_back(const_cast<char*>(word.c_str()));  // execvp does not write to them
    }
    plan.words.push_back(nullptr);
    plan.report = pipe->write.get();
    plan.parent = getpid();

    const pid_t child = fork();
    if (child < 0) {
        return tl::unexpected(system_error(argv, "fork"));
    }
    if (child == 0) {
        plan.detached ? become_detached(plan) : become(plan);
    }
    pipe->write.reset();
    const auto report = read_reports(pipe->read.get());
    const bool started = report && report->error == 0;
    if (plan.detached || !started) {
        waitpid(child, nullptr, 0);
    }
    if (!started) {
        errno = report ? report->error : ECHILD;
        return tl::unexpected(system_error(argv, "cannot start"));
    }
    return report->pid;
}

// ---- ending -------------------------------------------------------------------------------------

bool wait_readable(int fd, milliseconds limit) {
    const int64_t deadline = monotonic_us() + limit.count() * 1'000;
    for (;;) {
        const int64_t left = std::max<int64_t>(0, deadline - monotonic_us());
        pollfd wanted{.fd = fd, .events = POLLIN, .revents = 0};
        const int ready = poll(&wanted, 1, static_cast<int>((left + 999) / 1'000));
        if (ready > 0) {
            return true;
        }
        if (left == 0 || (ready < 0 && errno != EINTR)) {
            return false;
        }
    }
}

// Ends the child with its group.  Its id stays taken until it is collected, so that no signal can
// meet a stranger.
void end_group(pid_t child, int pidfd, milliseconds grace) {
    kill(-child, SIGTERM);
    wait_readable(pidfd, grace);
    kill(-child, SIGKILL);
    wait_readable(pidfd, patience);
}

// The exit code of a child that has ended; nothing while it has not.
std::optional<int> collect(pid_t child) {
    int status = 0;
    for (;;) {
        const pid_t collected = waitpid(child, &status, WNOHANG);
        if (collected == child) {
            return exit_code(status);
        }
        if (collected == 0 || errno != EINTR) {
            return std::nullopt;
        }
    }
}

// ---- reading what it prints ---------------------------------------------------------------------

struct Stream {
    Fd fd;
    std::string text;
    size_t limit = 0;
    bool too_long = false;

    // Takes what is there; closes at the end.
    void take() {
        std::array<char, 65536> buffer;
        for (;;) {
            const ssize_t got = read(fd.get(), buffer.data(), buffer.size());
            if (got > 0) {
                text.append(buffer.data(), static_cast<size_t>(got));
                too_long = text.size() > limit;
                if (too_long) {
                    return;
                }
            } else if (got < 0 && errno == EINTR) {
                continue;
            } else {
                if (got == 0 || errno != EAGAIN) {
                    fd.reset();
                }
                return;
            }
        }
    }
};

enum class Ended { by_itself, at_deadline, too_long };

// Follows the child to its end.  A descendant that still holds the pipes is not waited for: what
// the child itself printed is complete by then.
Ended follow(int pidfd, Stream& out, Stream& err, int64_t deadline) {
    for (;;) {
        const int64_t left = deadline - monotonic_us();
        if (left <= 0) {
            return Ended::at_deadline;
        }
        // poll passes over negative descriptors, which closed streams have.
        std::array<pollfd, 3> wanted{pollfd{pidfd, POLLIN, 0}, pollfd{out.fd.get(), POLLIN, 0},
                                     pollfd{err.fd.get(), POLLIN, 0}};
        const auto wait_ms = static_cast<int>(std::min<int64_t>((left + 999) / 1'000, 60'000));
        if (poll(wanted.data(), wanted.size(), wait_ms) < 0 && errno != EINTR) {
            return Ended::at_deadline;
        }
        for (Stream* stream : {&out, &err}) {
            if (stream->fd) {
                stream->take();
            }
            if (stream->too_long) {
                return Ended::too_long;
            }
        }
        if (wanted[0].revents != 0) {
            return Ended::by_itself;
        }
    }
}

// The child's standard input: a file in memory, so that nobody has to feed it, or /dev/null.
Fd input_file(const std::string& input) {
    if (input.empty()) {
        return Fd(open("/dev/null", O_RDONLY | O_CLOEXEC));
    }
    Fd file(memfd_create("input", MFD_CLOEXEC));
    size_t written = 0;
    while (file && written < input.size()) {
        const ssize_t count = write(file.get(), input.data() + written, input.size() - written);
        if (count < 0 && errno != EINTR) {
            return Fd();
        }
        written += count > 0 ? static_cast<size_t>(count) : 0;
    }
    if (file && lseek(file.get(), 0, SEEK_SET) != 0) {
        return Fd();
    }
    return file;
}

bool set_nonblocking(const Fd& fd) {
    const int flags = fcntl(fd.get(), F_GETFL);
    return flags >= 0 && fcntl(fd.get(), F_SETFL, flags | O_NONBLOCK) == 0;
}

Result<Finished> finish(const Argv& argv, pid_t child, Stream out, Stream err,
                        const RunOptions& options) {
    const Fd pidfd(open_pidfd(child));
    if (!pidfd) {
        const Error error = system_error(argv, "pidfd_open");
        kill(-child, SIGKILL);
        waitpid(child, nullptr, 0);
        return tl::unexpected(error);
    }
    const int64_t deadline = monotonic_us() + options.timeout.count() * 1'000;
    const Ended ended = follow(pidfd.get(), out, err, deadline);
    if (ended != Ended::by_itself) {
        end_group(child, pidfd.get(), patience);
    }
    const auto code = collect(child);
    if (!code) {
        return fail(Exit::world, printable(argv), "does not end, not even when killed");
    }
    if (ended == Ended::too_long) {
        return fail(Exit::world, printable(argv),
                    fmt::format("printed more than {} bytes", options.output_limit));
    }
    return Finished{*code, ended == Ended::at_deadline, std::move(out.text), std::move(err.text)};
}

}  // namespace

Result<Finished> run(const Argv& argv, const RunOptions& options) {
    const Fd input = input_file(options.input);
    auto out = make_pipe();
    auto err = make_pipe();
    if (!input || !out || !err || !set_nonblocking(out->read) || !set_nonblocking(err->read)) {
        return tl::unexpected(system_error(argv, "cannot make its pipes"));
    }
    Plan plan;
    plan.standard = {input.get(), out->write.get(), err->write.get()};
    const auto child = start(argv, plan);
    if (!child) {
        return tl::unexpected(child.error());
    }
    // The child's copies alone keep the pipes open now.
    out->write.reset();
    err->write.reset();
    return finish(argv, *child, {std::move(out->read), "", options.output_limit},
                  {std::move(err->read), "", options.output_limit}, options);
}

Result<pid_t> spawn(const Argv& argv, const SpawnOptions& options) {
    const Fd input(open("/dev/null", O_RDONLY | O_CLOEXEC));
    Fd output;
    if (!options.output_path.empty()) {
        output =
            Fd(open(options.output_path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
        if (!output) {
            return tl::unexpected(system_error(argv, options.output_path));
        }
    }
    Plan plan;
    plan.standard = {input.get(), output.get(), output.get()};
    for (size_t i = 0; i < plan.standard.size(); ++i) {
        plan.standard[i] = options.standard[i] >= 0 ? options.standard[i] : plan.standard[i];
    }
    plan.detached = options.detached;
    return start(argv, plan);
}

Result<Piped> spawn_piped(const Argv& argv) {
    auto in = make_pipe();
    auto out = make_pipe();
    auto err = make_pipe();
    if (!in || !out || !err) {
        return tl::unexpected(system_error(argv, "cannot make its pipes"));
    }
    Plan plan;
    plan.standard = {in->read.get(), out->write.get(), err->write.get()};
    plan.alone = true;
    const auto child = start(argv, plan);
    if (!child) {
        return tl::unexpected(child.error());
    }
    return Piped{*child, std::move(in->write), std::move(out->read), std::move(err->read)};
}

void end(const Piped& child) {
    kill(child.pid, SIGKILL);
    while (waitpid(child.pid, nullptr, 0) < 0 && errno == EINTR) {
    }
}

Result<int> stop(pid_t child, milliseconds grace) {
    const std::string where = fmt::format("process {}", child);
    const Fd pidfd(child > 0 ? open_pidfd(child) : -1);
    if (!pidfd) {
        return fail(Exit::world, where, "is not there, expected a child that was started");
    }
    end_group(child, pidfd.get(), grace);
    if (const auto code = collect(child)) {
        return *code;
    }
    return fail(Exit::world, where, "cannot be ended, or is no child of ours");
}

std::string shell_quoted(const std::string& word) {
    constexpr std::string_view plain =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_@%+=:,./-";
    if (!word.empty() && word.find_first_not_of(plain) == std::string::npos) {
        return word;
    }
    std::string result = "'";
    for (const char c : word) {
        if (c == '\'') {
            result += "'\\''";
        } else {
            result += c;
        }
    }
    return result + "'";
}

std::string printable(const Argv& argv) {
    std::string result;
    for (const std::string& word : argv) {
        result += (result.empty() ? "" : " ") + shell_quoted(word);
    }
    return result;
}

}  // namespace rehome
