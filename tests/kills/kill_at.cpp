// To be preloaded: one process, known by its command line, is killed as it enters the Nth of its
// calls that write, as strace would do it; strace has no way to name one of the processes that it
// follows.
//
//   KILL_WHO=WORDS    its program's name and the words behind it: "cutover hand serve"
//   KILL_NTH=N        which of the processes that look so, from 0 on; not set: whoever gets there
//   KILL_AT=N         at which call; not set: none
//   KILL_ONCE=FILE    made by who is killed, so that the one after it lives
//   KILL_COUNT=FILE   gets a line with the number of calls when such a process ends by itself, or
//   becomes another
//
// What it forks is not counted: a process of its own does not have its process id.
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace {

pid_t watched = 0;
long kill_at = 0;
std::atomic<long> calls = 0;

template <typename Function>
Function next(const char* name) {
    return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

int open_raw(const char* path, int flags) {
    static const auto real = next<long (*)(long, ...)>("syscall");
    return static_cast<int>(real(SYS_openat, AT_FDCWD, path, flags, 0600));
}

// Its words with a space behind each; the program's without its folder.
std::string own_words() {
    char text[4096] = {};
    const int fd = open_raw("/proc/self/cmdline", O_RDONLY);
    const ssize_t length = read(fd, text, sizeof text - 1);
    close(fd);
    std::string words(text, length < 0 ? 0 : static_cast<size_t>(length));
    words.erase(0, words.substr(0, words.find('\0')).rfind('/') + 1);
    for (char& letter : words) {
        letter = letter == '\0' ? ' ' : letter;
    }
    return words;
}

bool is_one() {
    const char* who = getenv("KILL_WHO");
    const std::string wanted = who == nullptr ? "" : std::string(who) + " ";
    return who != nullptr && own_words().compare(0, wanted.size(), wanted) == 0;
}

// The first free number is ours.
bool is_nth() {
    const char* nth = getenv("KILL_NTH");
    const char* once = getenv("KILL_ONCE");
    if (nth == nullptr || once == nullptr) {
        return true;
    }
    for (int i = 0;; ++i) {
        const std::string path = std::string(once) + "." + std::to_string(i);
        if (const int fd = open_raw(path.c_str(), O_CREAT | O_EXCL); fd >= 0) {
            close(fd);
            return i == atoi(nth);
        }
    }
}

void enter() {
    if (watched == 0 || getpid() != watched || ++calls != kill_at) {
        return;
    }
    if (open_raw(getenv("KILL_ONCE"), O_CREAT | O_EXCL) >= 0) {
        kill(watched, SIGKILL);
    }
}

void write_count() {
    const char* path = getenv("KILL_COUNT");
    if (watched == 0 || getpid() != watched || path == nullptr) {
        return;
    }
    FILE* file = fopen(path, "a");
    fprintf(file, "%ld\n", calls.load());
    fclose(file);
}

struct Watch {
    Watch() {
        const char* at = getenv("KILL_AT");
        kill_at = at == nullptr ? 0 : atol(at);
        watched = is_one() && is_nth() ? getpid() : 0;
    }
    ~Watch() { write_count(); }
} watch;

}  // namespace

extern "C" {

ssize_t write(int fd, const void* bytes, size_t size) {
    enter();
    static const auto real = next<ssize_t (*)(int, const void*, size_t)>("write");
    return real(fd, bytes, size);
}

ssize_t pwrite(int fd, const void* bytes, size_t size, off_t at) {
    enter();
    static const auto real = next<ssize_t (*)(int, const void*, size_t, off_t)>("pwrite");
    return real(fd, bytes, size, at);
}

ssize_t sendmsg(int fd, const msghdr* message, int flags) {
    enter();
    static const auto real = next<ssize_t (*)(int, const msghdr*, int)>("sendmsg");
    return real(fd, message, flags);
}

int fsync(int fd) {
    enter();
    static const auto real = next<int (*)(int)>("fsync");
    return real(fd);
}

int fdatasync(int fd) {
    enter();
    static const auto real = next<int (*)(int)>("fdatasync");
    return real(fd);
}

int fchmod(int fd, mode_t mode) noexcept {
    enter();
    static const auto real = next<int (*)(int, mode_t)>("fchmod");
    return real(fd, mode);
}

int rename(const char* from, const char* to) noexcept {
    enter();
    static const auto real = next<int (*)(const char*, const char*)>("rename");
    return real(from, to);
}

int unlink(const char* path) noexcept {
    enter();
    static const auto real = next<int (*)(const char*)>("unlink");
    return real(path);
}

int mkdir(const char* path, mode_t mode) noexcept {
    enter();
    static const auto real = next<int (*)(const char*, mode_t)>("mkdir");
    return real(path, mode);
}

int ftruncate(int fd, off_t size) noexcept {
    enter();
    static const auto real = next<int (*)(int, off_t)>("ftruncate");
    return real(fd, size);
}

int mkostemp(char* path, int flags) {
    enter();
    static const auto real = next<int (*)(char*, int)>("mkostemp");
    return real(path, flags);
}

int open(const char* path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(more, mode_t) : 0;
    va_end(more);
    if ((flags & O_CREAT) != 0) {
        enter();
    }
    static const auto real = next<int (*)(const char*, int, mode_t)>("open");
    return real(path, flags, mode);
}

pid_t fork() noexcept {
    enter();
    static const auto real = next<pid_t (*)()>("fork");
    return real();
}

int execvp(const char* file, char* const argv[]) noexcept {
    enter();
    write_count();
    static const auto real = next<int (*)(const char*, char* const[])>("execvp");
    return real(file, argv);
}

// By which the hand clones what it runs.
long syscall(long number, ...) noexcept {
    va_list more;
    va_start(more, number);
    long words[6];
    for (long& word : words) {
        word = va_arg(more, long);
    }
    va_end(more);
    if (number == SYS_clone) {
        enter();
    }
    static const auto real = next<long (*)(long, ...)>("syscall");
    return real(number, words[0], words[1], words[2], words[3], words[4], words[5]);
}
}
