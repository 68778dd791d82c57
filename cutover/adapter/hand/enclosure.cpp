// clone(2) with CLONE_NEWPID, pid_namespaces(7), PR_SET_CHILD_SUBREAPER, vfork(2).
#include "cutover/adapter/hand/enclosure.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <string_view>

#include "common/clock.h"
#include "common/pipe.h"

namespace rehome::cutover {

namespace {

// linux/close_range.h, which libc's unistd.h does not have.
constexpr int close_on_exec = 1 << 2;

// For what a subreaper may not kill, as it belongs to somebody else.
constexpr int64_t patience_us = 2'000'000;

pid_t clone_process(unsigned long flags, int* pidfd) {
    return static_cast<pid_t>(syscall(SYS_clone, flags | SIGCHLD, nullptr, pidfd, nullptr, 0));
}

// ---- in process 1 -------------------------------------------------------------------------------

// Everything that it needs, made before it is.
struct Inside {
    std::vector<char*> words;        // ends with a null pointer
    std::vector<char*> environment;  // likewise
    std::array<int, 3> standard{};
    int go = -1;
    int report = -1;
    Keeping keeping = Keeping::pid_namespace;
};

volatile pid_t command = 0;

void on_terminate(int) {
    const int error = errno;
    ::kill(-command, SIGTERM);
    errno = error;
}

// Of a subreaper, which cannot be killed itself without setting all others free.
void on_end(int) {
    const int error = errno;
    ::kill(-command, SIGKILL);
    ::kill(command, SIGKILL);
    errno = error;
}

void handle(int number, void (*handler)(int)) {
    struct sigaction action {};
    action.sa_handler = handler;
    sigaction(number, &action, nullptr);
}

void let_signals_come() {
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
}

void restore_signals() {
    for (const int number : {SIGPIPE, SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGCHLD, SIGUSR1}) {
        signal(number, SIG_DFL);
    }
    let_signals_come();
}

// After vfork(2): what it sets is set in process 1, too, but for signals and descriptors.
[[noreturn]] void become(const Inside& inside, volatile int& error) {
    restore_signals();
    setsid();
    if (inside.keeping == Keeping::subreaper) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
    }
    for (int i = 0; i < 3; ++i) {
        dup2(inside.standard[static_cast<size_t>(i)], i);
    }
    close_range(3, ~0U, close_on_exec);
    execvpe(inside.words[0], inside.words.data(), inside.environment.data());
    error = errno;
    _exit(127);
}

std::vector<pid_t> children() {
    std::array<char, 65536> buffer;
    const int fd = open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);
    const ssize_t length = fd < 0 ? -1 : read(fd, buffer.data(), buffer.size());
    close(fd);
    std::vector<pid_t> result;
    const char* at = buffer.data();
    const char* const end = at + std::max<ssize_t>(length, 0);
    for (pid_t pid = 0; at < end; ++at) {
        const auto [next, error] = std::from_chars(at, end, pid);
        if (error == std::errc()) {
            result.push_back(pid);
            at = next;
        }
    }
    return result;
}

void kill_all(Keeping keeping) {
    if (keeping == Keeping::pid_namespace) {
        ::kill(-1, SIGKILL);
        return;
    }
    for (const pid_t child : children()) {
        ::kill(child, SIGKILL);
    }
}

// Ends what is left.  Whose parent dies becomes our child, so that all of them come by.
void end_the_rest(Keeping keeping, Enclosure::Report& report) {
    int status = 0;
    const int64_t deadline = monotonic_us() + patience_us;
    while (waitpid(-1, &status, WNOHANG) > 0) {
    }
    while (errno != ECHILD) {
        kill_all(keeping);
        const pid_t ended = waitpid(-1, &status, keeping == Keeping::subreaper ? WNOHANG : 0);
        report.left += ended > 0 ? 1 : 0;
        if (ended == 0 && monotonic_us() > deadline) {
            report.unended = children().size();
            return;
        }
        if (ended == 0) {
            usleep(1'000);
        }
    }
}

int exit_code(int status) {
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void run_command(const Inside& inside, Enclosure::Report& report) {
    volatile int error = 0;
    // posix_spawn(3) has no PR_SET_PDEATHSIG; what become() calls is as safe as what it would call.
    const pid_t started = vfork();  // NOLINT(clang-analyzer-security.insecureAPI.vfork)
    if (started == 0) {
        become(inside, error);  // NOLINT(clang-analyzer-unix.Vfork)
    }
    command = started;
    for (const int fd : inside.standard) {
        close(fd);  // the command's copies alone keep them open
    }
    // A signal that came before waits until there is a command for it: the hand blocks them.
    handle(SIGTERM, on_terminate);
    handle(SIGUSR1, on_end);
    let_signals_come();
    int status = 0;
    pid_t ended = 0;
    do {
        ended = waitpid(-1, &status, 0);
    } while (started > 0 && ended != started);
    report.error = started < 0 ? errno : error;
    report.code = exit_code(status);
}

[[noreturn]] void be_process_1(const Inside& inside) {
    const bool is_first = inside.keeping == Keeping::pid_namespace;
    prctl(PR_SET_PDEATHSIG, is_first ? SIGKILL : SIGUSR1);
    if (!is_first) {
        prctl(PR_SET_CHILD_SUBREAPER, 1);
    }
    setsid();
    char go = 0;
    if (read(inside.go, &go, 1) != 1) {
        _exit(0);  // the hand has gone before it was let go
    }
    Enclosure::Report report;
    run_command(inside, report);
    end_the_rest(inside.keeping, report);
    (void)!write(inside.report, &report, sizeof report);
    _exit(0);
}

// ---- in the hand --------------------------------------------------------------------------------

bool is_ours(std::string_view variable) {
    return variable.starts_with("REHOME_HAND");
}

Inside make_inside(const Argv& argv, const std::vector<std::string>& more, Keeping keeping) {
    Inside inside;
    inside.keeping = keeping;
    for (const std::string& word : argv) {
        inside.words.push_back(const_cast<char*>(word.c_str()));  // execvpe does not write to them
    }
    inside.words.push_back(nullptr);
    for (char** one = environ; *one != nullptr; ++one) {
        if (!is_ours(*one)) {
            inside.environment.push_back(*one);
        }
    }
    for (const std::string& variable : more) {
        inside.environment.push_back(const_cast<char*>(variable.c_str()));
    }
    inside.environment.push_back(nullptr);
    return inside;
}

// What the hand takes for itself must not be open in the command, nor in process 1.
bool set_nonblocking(const Fd& fd) {
    return fcntl(fd.get(), F_SETFL, O_NONBLOCK) == 0;
}

}  // namespace

Keeping keeping_here() {
    int pidfd = -1;
    const pid_t child = clone_process(CLONE_NEWPID | CLONE_PIDFD, &pidfd);
    if (child == 0) {
        _exit(0);
    }
    if (child < 0) {
        return Keeping::subreaper;
    }
    close(pidfd);
    waitpid(child, nullptr, 0);
    return Keeping::pid_namespace;
}

Result<Enclosure> Enclosure::make(const Argv& argv, Keeping keeping,
                                  const std::vector<std::string>& more) {
    const auto failed = [&argv](const char* call) {
        return fail(Exit::world, printable(argv), fmt::format("{}: {}", call, strerror(errno)));
    };
    const Fd nothing(open("/dev/null", O_RDONLY | O_CLOEXEC));
    auto go = make_pipe();
    auto report = make_pipe();
    auto out = make_pipe();
    auto err = make_pipe();
    if (!nothing || !go || !report || !out || !err || !set_nonblocking(out->read) ||
        !set_nonblocking(err->read)) {
        return failed("cannot make its pipes");
    }
    Inside inside = make_inside(argv, more, keeping);
    inside.standard = {nothing.get(), out->write.get(), err->write.get()};
    inside.go = go->read.get();
    inside.report = report->write.get();

    int pidfd = -1;
    const bool is_first = keeping == Keeping::pid_namespace;
    const pid_t child = clone_process(CLONE_PIDFD | (is_first ? CLONE_NEWPID : 0), &pidfd);
    if (child == 0) {
        go->write.reset();  // so that it sees its end
        be_process_1(inside);
    }
    if (child < 0) {
        return failed("clone");
    }
    Enclosure made;
    made.pid_ = child;
    made.keeping_ = keeping;
    made.pidfd_ = Fd(pidfd);
    made.go_ = std::move(go->write);
    made.report_ = std::move(report->read);
    made.out_ = std::move(out->read);
    made.err_ = std::move(err->read);
    return made;
}

Enclosure::~Enclosure() {
    if (pidfd_) {
        kill();
        waitpid(pid_, nullptr, 0);
    }
}

void Enclosure::let_go() {
    (void)!write(go_.get(), "+", 1);
    go_.reset();
}

void Enclosure::terminate() const {
    ::kill(pid_, SIGTERM);
}

// A subreaper that has not been let go has nothing to end.
void Enclosure::kill() const {
    ::kill(pid_, keeping_ == Keeping::pid_namespace || go_ ? SIGKILL : SIGUSR1);
}

std::optional<Enclosure::Report> Enclosure::collect() {
    while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
    pidfd_.reset();
    Report report;
    // It is smaller than PIPE_BUF: whole or not at all.
    const bool is_whole = read(report_.get(), &report, sizeof report) == sizeof report;
    return is_whole ? std::optional(report) : std::nullopt;
}

}  // namespace rehome::cutover
