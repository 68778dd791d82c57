#include "vipctl/screen.h"

#include <fmt/core.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>
#include <vector>

namespace rehome::vipctl {

namespace {

// Bytes of a line that take up so many columns: what goes on a character takes none.
size_t bytes_of(const std::string& line, size_t columns) {
    size_t at = 0;
    for (size_t column = 0; at < line.size(); ++at) {
        const bool begins = (static_cast<unsigned char>(line[at]) & 0xC0) != 0x80;
        if (begins && column++ == columns) {
            break;
        }
    }
    return at;
}

}  // namespace

Window window_of(int fd) {
    winsize size{};
    return ::ioctl(fd, TIOCGWINSZ, &size) == 0 ? Window{size.ws_row, size.ws_col} : Window{};
}

std::string fitted(const std::string& text, const Window& window) {
    std::vector<std::string> lines;
    for (size_t from = 0; from < text.size();) {
        const size_t end = std::min(text.find('\n', from), text.size());
        const std::string line = text.substr(from, end - from);
        lines.push_back(window.columns == 0 ? line
                                            : line.substr(0, bytes_of(line, window.columns)));
        from = end + 1;
    }
    if (window.rows > 1 && lines.size() >= window.rows) {
        const size_t below = lines.size() - (window.rows - 2);
        lines.resize(window.rows - 2);
        lines.push_back(fmt::format("... {} lines more", below));
    }
    std::string out;
    for (const std::string& line : lines) {
        out += line + "\n";
    }
    return out;
}

void draw(const std::string& text) {
    if (isatty(STDOUT_FILENO) != 0) {
        fmt::print("\033[H\033[2J{}", fitted(text, window_of(STDOUT_FILENO)));
    } else {
        fmt::print("{}", text);
    }
    std::fflush(stdout);
}

}  // namespace rehome::vipctl
