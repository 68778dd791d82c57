// See progress.h.
#include "probe/command/progress.h"

#include <unistd.h>

#include <iostream>

namespace rehome::probe {

void show_progress(const std::string& line) {
    if (isatty(STDERR_FILENO) != 0) {
        std::cerr << "\r\033[K" << line << std::flush;
    }
}

void end_progress() {
    if (isatty(STDERR_FILENO) != 0) {
        std::cerr << "\r\033[K" << std::flush;
    }
}

}  // namespace rehome::probe
