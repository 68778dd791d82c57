// What this gateway can serve: told to its peers, but for what is disabled, and announced while it
// holds.
//
// A service is served that has a live server, and a map always; while some port's link is down,
// those alone whose servers a route leads to by a port whose link is up.  A prefix is served when
// something in it is.  Immutable once made.
#pragma once

#include <memory>
#include <vector>

#include "common/address.h"
#include "vipd/route/adjacency.h"
#include "vipd/route/fib.h"
#include "vipd/state/disabled.h"
#include "vipd/state/ready_services.h"
#include "vipd/state/tables.h"

namespace rehome::vipd {

class Served {
public:
    // routes: null as long as they are not known.  ports: empty where all are up.
    static std::shared_ptr<const Served> make(const Tables& tables,
                                              const std::shared_ptr<const Fib>& routes,
                                              const std::vector<PortLink>& ports,
                                              const Disabled& disabled);

    const std::vector<Prefix>& prefixes() const { return prefixes_; }
    bool has(const Prefix& prefix) const;
    // The services that can be served.
    const std::shared_ptr<const ReadyServices>& ready() const { return ready_; }
    bool can_serve(const ServiceTable& service) const {
        return service.has_live_server() &&
               (cut_off_.empty() || service.number >= cut_off_.size() || !cut_off_[service.number]);
    }

private:
    std::vector<Prefix> prefixes_;
    std::shared_ptr<const ReadyServices> ready_;
    std::vector<bool> cut_off_;  // by the services' numbers; empty: none is
};

}  // namespace rehome::vipd
