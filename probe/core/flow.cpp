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

size_t header_size(Kind kind, Family family) {
    return (family == Family::v6 ? 40 : 20) + (kind == Kind::udp ? 8 : 0);
}

size_t own_size(Kind kind, Family family, const StampKey& key) {
    const size_t message = kind == Kind::icmp  ? echo_size
                           : kind == Kind::tcp ? syn_size
                                               : base_size(key) + extensions_size(key);
    return header_size(kind, family) + message;
}

size_t least_size(Kind kind, Family family, const StampKey& key) {
    return kind == Kind::udp ? header_size(kind, family) + base_size(key)
                             : own_size(kind, family, key);
}

std::unique_ptr<Flow> make_flow(FlowAsked asked) {
    const Family family = asked.target.address.family;
    const size_t packet = asked.size != 0 ? asked.size : own_size(asked.kind, family, asked.key);
    const size_t message = packet - header_size(asked.kind, family);
    switch (asked.kind) {
        case Kind::icmp:
            return std::make_unique<IcmpFlow>(asked.source, asked.target.address, asked.secret,
                                              message);
        case Kind::tcp:
            return std::make_unique<TcpFlow>(asked.source, asked.target, std::move(asked.ports),
                                             asked.secret);
        case Kind::udp:
            return std::make_unique<UdpFlow>(asked.target, asked.ports.at(0), asked.error_estimate,
                                             std::move(asked.key), message, asked.secret);
    }
    return nullptr;
}

}  // namespace rehome::probe
