// See flow.h.
#include "probe/core/flow.h"

#include "probe/core/icmp_flow.h"
#include "probe/core/tcp_flow.h"
#include "probe/core/udp_flow.h"

namespace rehome::probe {

std::string_view name(Kind kind) {
    switch (kind) {
        case Kind::icmp:
            return "icmp";
        case Kind::tcp:
            return "tcp";
        case Kind::udp:
            return "udp";
    }
    return "";
}

Protocol protocol_of(Kind kind, Family family) {
    if (kind == Kind::icmp) {
        return family == Family::v6 ? Protocol::icmp6 : Protocol::icmp;
    }
    return kind == Kind::tcp ? Protocol::tcp : Protocol::udp;
}

std::unique_ptr<Flow> make_flow(FlowAsked asked) {
    switch (asked.kind) {
        case Kind::icmp:
            return std::make_unique<IcmpFlow>(asked.source, asked.target.address, asked.secret);
        case Kind::tcp:
            return std::make_unique<TcpFlow>(asked.source, asked.target, std::move(asked.ports),
                                             asked.secret);
        case Kind::udp:
            return std::make_unique<UdpFlow>(asked.target, asked.ports.at(0), asked.error_estimate);
    }
    return nullptr;
}

}  // namespace rehome::probe
