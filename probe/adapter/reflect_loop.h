// The STAMP reflector's sockets and loop; reflection.h decides.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "common/error.h"
#include "common/fd.h"
#include "probe/core/reflection.h"

namespace rehome::probe {

// One socket for the address, or one for each family when there is none.  Needs a privilege for
// ports below 1024.
Result<std::vector<Fd>> open_reflector(const std::optional<Address>& listen, uint16_t port);

// Until SIGTERM or SIGINT.  Meanwhile `asked` is called for each SIGUSR1, and `tick` about once a
// second.
struct Showing {
    std::function<void()> asked;
    std::function<void()> tick;
};
Result<> reflect(const std::vector<Fd>& sockets, Reflector& reflector, const Showing& showing);

}  // namespace rehome::probe
