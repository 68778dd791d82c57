// See privilege.h.
#include "probe/adapter/privilege.h"

#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>

#include "probe/adapter/system_error.h"

namespace rehome::probe {

namespace {

constexpr uid_t nobody = 65534;
constexpr char where[] = "dropping privileges";

// Supplementary groups first: without root they could not be given up any more.
Result<> become_nobody() {
    if (geteuid() != 0 && getuid() != 0) {
        return {};
    }
    if (setgroups(0, nullptr) != 0) {
        return fail_system(where, "setgroups");
    }
    if (setresgid(nobody, nobody, nobody) != 0) {
        return fail_system(where, "setresgid");
    }
    if (setresuid(nobody, nobody, nobody) != 0) {
        return fail_system(where, "setresuid");
    }
    return {};
}

}  // namespace

Result<> drop_privileges() {
    if (auto done = become_nobody(); !done) {
        return done;
    }
    __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    const std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> none{};
    if (syscall(SYS_capset, &header, none.data()) != 0) {
        return fail_system(where, "capset");
    }
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        return fail_system(where, "prctl(PR_SET_NO_NEW_PRIVS)");
    }
    if (setresuid(0, 0, 0) == 0) {
        return fail(Exit::world, where, "root could be had again, expected a refusal");
    }
    return {};
}

// A nice value counts among the programs of one session alone where the kernel groups them so
// (sched(7), autogroup); a real-time class counts everywhere, and the kernel keeps a twentieth of
// the time from it.  What is forked is of the usual class again.
void go_first() {
    constexpr int nice = -10;
    const sched_param lowest{.sched_priority = 1};
    if (sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &lowest) != 0) {
        (void)setpriority(PRIO_PROCESS, 0, nice);
    }
}

void go_as_others() {
    const sched_param none{.sched_priority = 0};
    (void)sched_setscheduler(0, SCHED_OTHER, &none);
    (void)setpriority(PRIO_PROCESS, 0, 0);
}

}  // namespace rehome::probe
