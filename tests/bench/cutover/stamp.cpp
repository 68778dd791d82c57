// stamp FILE [TEXT]: prints the text, and writes down when: CLOCK_MONOTONIC in nanoseconds, a line
// more in the file.
#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <string>

int main(int argc, char** argv) {
    if (argc < 2) {
        return 2;
    }
    if (argc > 2) {
        std::puts(argv[2]);
        std::fflush(stdout);
    }
    const int file = open(argv[1], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    const std::string line = std::to_string(std::chrono::nanoseconds(now).count()) + "\n";
    return write(file, line.data(), line.size()) == static_cast<ssize_t>(line.size()) ? 0 : 1;
}
