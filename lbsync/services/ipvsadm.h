// Reads and prints what `ipvsadm -Sn` prints (ipvsadm(8)), one line a service or server.
//
//   -A -t 198.51.100.10:80 -s wlc -p 300 -M 255.255.255.0
//   -a -t 198.51.100.10:80 -r 10.1.1.11:8080 -m -w 1
//
// Strict: a line that is not understood is a mistake with its file and line.  Nothing is lost: each
// word is taken exactly once, or its line is a mistake; what ipvsadm printed is printed again.
#pragma once

#include <string>
#include <string_view>

#include "common/error.h"
#include "lbsync/policy/services.h"

namespace rehome::lbsync::services {

Checked<policy::Services> read_ipvsadm(std::string_view text, const std::string& where);

std::string print_ipvsadm(const policy::Services& services);

}  // namespace rehome::lbsync::services
