#include "vipd/flow/scope.h"

#include <algorithm>

namespace rehome::vipd {

bool Scope::covers(const Flow& flow) const {
    switch (kind) {
        case Kind::servers:
            return flow.served && std::binary_search(servers.begin(), servers.end(),
                                                     Server{flow.service, flow.server()});
        case Kind::service:
            return flow.served && flow.service == number;
        case Kind::line:
            return !flow.back_by_tunnel && flow.back_index == number;
        case Kind::here:
            return flow.served;
        case Kind::peers:
            return flow.kind == Flow::Kind::relayed && flow.peer < peers.size() && peers[flow.peer];
    }
    return false;
}

}  // namespace rehome::vipd
