// Preloaded into cutover: how long its fsync(2) and fdatasync(2) take.  When the process ends, a
// file $SYNC_CLOCK/PID has "COUNT NANOSECONDS".
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <string>

namespace {

std::atomic<long> count{0};
std::atomic<long> spent_ns{0};

struct AtEnd {
    ~AtEnd() {
        const char* folder = std::getenv("SYNC_CLOCK");
        if (folder != nullptr && count > 0) {
            std::ofstream(std::string(folder) + "/" + std::to_string(getpid()))
                << count << " " << spent_ns << "\n";
        }
    }
} at_end;

int timed(long call, int fd) {
    const auto began = std::chrono::steady_clock::now();
    const long result = syscall(call, fd);
    spent_ns += std::chrono::nanoseconds(std::chrono::steady_clock::now() - began).count();
    ++count;
    return static_cast<int>(result);
}

}  // namespace

extern "C" int fsync(int fd) {
    return timed(SYS_fsync, fd);
}

extern "C" int fdatasync(int fd) {
    return timed(SYS_fdatasync, fd);
}
