// See reflection.h.
#include "probe/core/reflection.h"

#include <algorithm>

#include "probe/core/stamp_extensions.h"

namespace rehome::probe {

namespace {

constexpr uint16_t first_user_port = 1024;

// Above the ports of the system (of which 7 echo, 19 chargen, 53, 123, 161 and 862 answer whoever
// asks): services that are known to answer a datagram of a stranger.
constexpr std::array<uint16_t, 25> answering_ports{
    1194,   // OpenVPN
    1434,   // SQL Server's browser
    1701,   // L2TP
    1900,   // SSDP
    1967,   // IP SLA's control
    2123,   // GTP-C, echo
    2152,   // GTP-U, echo
    3283,   // Apple remote desktop
    3478,   // STUN
    3544,   // Teredo
    3702,   // WS-Discovery
    3784,   // BFD
    3785,   // BFD echo
    4500,   // IPsec through NAT
    4784,   // BFD over several hops
    5060,   // SIP
    5351,   // NAT-PMP
    5353,   // mDNS
    5683,   // CoAP
    7784,   // seamless BFD's reflector
    10001,  // Ubiquiti's discovery
    11211,  // memcached
    27015,  // Source engine
    27960,  // Quake III engine
    64364,  // TWAMP Light of some routers
};
static_assert(std::is_sorted(answering_ports.begin(), answering_ports.end()));

bool may_answer_by_itself(uint16_t port) {
    return port < first_user_port ||
           std::binary_search(answering_ports.begin(), answering_ports.end(), port);
}

}  // namespace

std::string_view name(Reflection reflection) {
    switch (reflection) {
        case Reflection::answered:
            return "answered";
        case Reflection::truncated:
            return "truncated";
        case Reflection::bad_hmac:
            return "bad_hmac";
        case Reflection::from_reflector:
            return "from_reflector";
        case Reflection::not_to_us:
            return "not_to_us";
        case Reflection::over_rate:
            return "over_rate";
        case Reflection::over_source_rate:
            return "over_source_rate";
        case Reflection::not_sent:
            return "not_sent";
    }
    return "";
}

Reflector::Reflector(ReflectorAsked asked)
    : asked_(std::move(asked)),
      limit_(asked_.most_pps),
      source_limits_(asked_.most_pps_a_source, asked_.source_places, mixed(asked_.secret)),
      sessions_(most_sessions, idle_at_most, mixed(asked_.secret + 1)) {}

Reflection Reflector::judge(const Received& received) const {
    if (received.cut || received.message.size() < shortest_request) {
        return Reflection::truncated;
    }
    if (received.from.port == asked_.port || may_answer_by_itself(received.from.port) ||
        is_reply(received.message, asked_.key)) {
        return Reflection::from_reflector;
    }
    if (!received.to_our_address) {
        return Reflection::not_to_us;
    }
    return deconstruct_request(received.message, asked_.key) ? Reflection::answered
                                                             : Reflection::bad_hmac;
}

// Counted for the session, so that its sender can tell it from loss.
Reflection Reflector::limit(const Received& received, Nanos monotonic) {
    const StampRequest request = read_request(received.message, asked_.key);
    session_ = &sessions_.find(
        {.from = received.from, .to = received.to, .session = request.session}, monotonic);
    const double tokens = received.message.size() < base_size(asked_.key) ? 2 : 1;
    if (!source_limits_.take(received.from.address, tokens, monotonic)) {
        ++session_->unreflected;
        return Reflection::over_source_rate;
    }
    if (!limit_.take(bucket_, tokens, monotonic)) {
        ++session_->unreflected;
        return Reflection::over_rate;
    }
    return Reflection::answered;
}

Reflection Reflector::decide(const Received& received, Nanos monotonic) {
    session_ = nullptr;
    Reflection reflection = judge(received);
    if (reflection == Reflection::answered) {
        reflection = limit(received, monotonic);
    }
    ++counters_.at(static_cast<size_t>(reflection));
    return reflection;
}

size_t Reflector::construct(const Received& received, Nanos now, Room room) {
    const uint32_t number = session_->next_sequence++;
    const Reflecting own{.sequence = asked_.stateful ? number : get<uint32_t>(received.message, 0),
                         .received = ntp_of(received.at),
                         .sent = ntp_of(now),
                         .error = asked_.error_estimate,
                         .ttl = received.ttl};
    const size_t size = construct_reply(received.message, own, asked_.key, room);
    answer_extensions(received.message,
                      {.stateful = asked_.stateful,
                       .session = session_->id,
                       .unreflected = session_->unreflected},
                      asked_.key, room.first(size));
    return size;
}

void Reflector::count_send_failure() {
    --session_->next_sequence;
    ++session_->unreflected;
    --counters_.at(static_cast<size_t>(Reflection::answered));
    ++counters_.at(static_cast<size_t>(Reflection::not_sent));
}

}  // namespace rehome::probe
