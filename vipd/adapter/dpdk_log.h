// Where the messages of DPDK and of the libraries that its drivers load go.
//
// Errors alone are kept: into the Error of the call that failed, or, when nobody waits for one, to
// standard error.  Any thread may log.
#pragma once

#include <string>

#include "common/error.h"

namespace rehome::vipd {

// Takes over DPDK's log; before rte_eal_init.
void take_dpdk_log();

// libxdp and libbpf print warnings about what is no fault (a missing bpffs) on standard error. They
// come with the AF_XDP driver: after rte_eal_init.
void silence_libxdp();

// While one lives, what DPDK and its libraries complain of is collected for an Error; else it goes
// to standard error.  One at a time.
class Complaints {
public:
    Complaints();
    ~Complaints();
    Complaints(const Complaints&) = delete;
    Complaints& operator=(const Complaints&) = delete;

    // What was wrong, followed by DPDK's own words where there are any.
    tl::unexpected<Error> fail(const std::string& where, const std::string& what) const;
};

}  // namespace rehome::vipd
