// Tells each peer which services can be served here, until it has acknowledged it
// (state/ready_services.h): the difference to what it holds, where that is known here still, or
// all. A few pages with each keepalive, in turn.  The first worker's own.
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "vipd/path/context.h"

namespace rehome::vipd {

class ServicesTeller {
public:
    void tell(const View& view, Hands& hands);

private:
    // What goes to a peer, and which page is next.
    struct Telling {
        uint32_t from = 0, to = 0;
        std::vector<ServicesPage> pages;
        size_t next = 0;
    };

    const ReadyServices& held(uint32_t digest) const;
    void tell(const View& view, Hands& hands, size_t peer);

    std::deque<std::shared_ptr<const ReadyServices>> said_;  // newest first
    std::vector<Telling> telling_;                           // to each peer
};

}  // namespace rehome::vipd
