// A stop signal as a flag; poll(2) without descriptors sleeps until it comes.
#include <poll.h>

#include <csignal>

#include "vipctl/commands.h"

namespace rehome::vipctl {

namespace {

volatile std::sig_atomic_t stop_wanted = 0;

void on_stop(int) {
    stop_wanted = 1;
}

}  // namespace

void catch_stop() {
    struct sigaction action {};
    action.sa_handler = on_stop;  // without SA_RESTART: sleeping ends
    sigaction(SIGINT, &action, nullptr);
    sigaction(SIGTERM, &action, nullptr);
}

bool stopping() {
    return stop_wanted != 0;
}

void sleep_or_stop(int milliseconds) {
    if (!stopping()) {
        ::poll(nullptr, 0, milliseconds);
    }
}

}  // namespace rehome::vipctl
