// To be preloaded: a hand ("cutover hand serve") is killed as it enters the Nth of its calls that
// write, as strace would do it; strace has no way to name one of the processes that it follows.
//
//   KILL_HAND_AT=N      which; not set: none
//   KILL_HAND_ONCE=FILE made by who is killed, so that the hand after it lives
//   KILL_HAND_COUNT=FILE  gets a line with the number of calls when a hand ends by itself
//
// What it forks is not counted: a process of its own does not have its process id.
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

pid_t hand = 0;
long kill_at = 0;
long calls = 0;

bool is_hand() {
    char words[4096] = {};
    const int fd = static_cast<int>(syscall(SYS_openat, AT_FDCWD, "/proc/self/cmdline", O_RDONLY));
    const ssize_t length = read(fd, words, sizeof words - 1);
    close(fd);
    const char* const end = words + (length < 0 ? 0 : length);
    const char* const second = words + strlen(words) + 1;
    const char* const third = second < end ? second + strlen(second) + 1 : end;
    return third < end && strcmp(second, "hand") == 0 && strcmp(third, "serve") == 0;
}

template <typename Function>
Function next(const char* name) {
    return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

void enter() {
    if (hand == 0 || getpid() != hand || ++calls != kill_at) {
        return;
    }
    const char* once = getenv("KILL_HAND_ONCE");
    const int fd = static_cast<int>(
        next<long (*)(long, ...)>("syscall")(SYS_openat, AT_FDCWD, once, O_CREAT | O_EXCL, 0600));
    if (fd >= 0) {
        kill(hand, SIGKILL);
    }
}

struct Watch {
    Watch() {
        const char* at = getenv("KILL_HAND_AT");
        kill_at = at == nullptr ? 0 : atol(at);
        hand = is_hand() ? getpid() : 0;
    }
    ~Watch() {
        const char* path = getenv("KILL_HAND_COUNT");
        if (hand == 0 || getpid() != hand || path == nullptr) {
            return;
        }
        FILE* file = fopen(path, "a");
        fprintf(file, "%ld\n", calls);
        fclose(file);
    }
} watch;

}  // namespace

extern "C" {

ssize_t write(int fd, const void* bytes, size_t size) {
    enter();
    static const auto real = next<ssize_t (*)(int, const void*, size_t)>("write");
    return real(fd, bytes, size);
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
