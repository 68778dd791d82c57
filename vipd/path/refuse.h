// Packets that are dropped with an answer to their sender: an ICMP error of our own, or a reset,
// where one may be sent and the rate allows it (RFC 1812 4.3.2, RFC 4443 2.4).
//
// Drops: ttl_expired, too_big, no_server, no_neighbour, no_service, hairpin, not_admitted.
#pragma once

#include "vipd/path/context.h"

namespace rehome::vipd {

struct Trouble {
    enum class Kind : uint8_t {
        time_exceeded,
        too_big,
        no_server,     // that may be chosen
        no_neighbour,  // none of a service's servers is there
        no_service,    // the port is closed
        hairpin,
        not_admitted,
    } kind;
    uint16_t mtu = 0;  // too_big: what would have fitted
};

// back: by which its client is reached.  tell_client drops nothing: of a quoted packet, too.
void tell_client(const View& view, Hands& hands, const Frame& frame, const Packet& packet,
                 const WayBack& back, const Trouble& trouble);
Verdict refuse_client(const View& view, Hands& hands, const Frame& frame, const Packet& packet,
                      const WayBack& back, const Trouble& trouble);
// A client of UDP that its flow is no more, as by a closed port (RFC 1122 4.1.3.1), though it says
// nothing just now.  As often as the caller sees fit.
void tell_port_closed(const View& view, Hands& hands, const FlowKey& flow, const WayBack& back);
// A SYN that begins nothing, answered with a reset as a closed port does (RFC 9293 3.10.7.1).
Verdict refuse_with_reset(const View& view, Hands& hands, const Frame& frame, const Packet& syn,
                          const WayBack& back, Drop why = Drop::no_service);
// What a server sent; vip: from which it would have left, which is who tells.
Verdict refuse_server(const View& view, Hands& hands, const Frame& frame, const Packet& packet,
                      const Address& vip, const Trouble& trouble);

}  // namespace rehome::vipd
