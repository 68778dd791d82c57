// SIGINT and SIGTERM as something to poll, so that a loop ends in order.
#pragma once

#include <signal.h>
#include <sys/signalfd.h>

#include "common/fd.h"
#include "probe/adapter/system_error.h"

namespace rehome::probe {

// From here on the two signals do nothing but make the descriptor readable.
inline Result<Fd> watch_stop_signals() {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigprocmask(SIG_BLOCK, &signals, nullptr);
    Fd fd(signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC));
    if (!fd) {
        return fail_system("signals", "signalfd");
    }
    return fd;
}

}  // namespace rehome::probe
