#include "vipd/packet/icmp.h"

#include <algorithm>
#include <cstring>

#include "common/special_addresses.h"
#include "vipd/packet/bytes.h"
#include "vipd/packet/checksum.h"
#include "vipd/packet/rewrite.h"

namespace rehome::vipd {

namespace {

constexpr uint32_t icmp_header_bytes = 8;
constexpr uint8_t fresh_ttl = 64;

namespace v4_type {
constexpr uint8_t echo_reply = 0, unreachable = 3, source_quench = 4, redirect = 5, echo = 8,
                  time_exceeded = 11, parameter_problem = 12;
}
namespace v6_type {
constexpr uint8_t unreachable = 1, packet_too_big = 2, time_exceeded = 3, parameter_problem = 4,
                  first_inquiry = 128, echo = 128, echo_reply = 129, redirect = 137;
}

bool is_error(Family family, uint8_t type) {
    if (family == Family::v6) {
        return type >= v6_type::unreachable && type <= v6_type::parameter_problem;
    }
    return type == v4_type::unreachable || type == v4_type::source_quench ||
           type == v4_type::time_exceeded || type == v4_type::parameter_problem;
}

// The offset behind the quote.  Where the message says how long it is, something else follows it
// (RFC 4884 5): IPv4 counts words of 4 bytes, IPv6 of 8.
uint32_t end_of_quote(const Frame& frame, const Packet& packet) {
    const bool v4 = packet.family == Family::v4;
    const uint8_t type = packet.icmp_type;
    const bool extensible = v4 ? type != v4_type::source_quench
                               : type == v6_type::unreachable || type == v6_type::time_exceeded;
    const uint8_t* icmp = frame.data + packet.l4;
    const uint32_t length = extensible ? (v4 ? icmp[5] * 4U : icmp[4] * 8U) : 0;
    const uint32_t start = packet.l4 + icmp_header_bytes;
    return length == 0 ? packet.end : std::min(packet.end, start + length);
}

Address address_at(Family family, const uint8_t* at) {
    Address address;
    address.family = family;
    std::copy_n(at, family == Family::v4 ? 4 : 16, address.bytes.begin());
    return address;
}

bool quoted_v4(Quote& quote, const uint8_t* frame) {
    const uint8_t* header = frame + quote.ip;
    const uint32_t bytes = quote.end - quote.ip;
    if (bytes < 20 || header[0] >> 4 != 4) {
        return false;
    }
    const uint32_t header_bytes = (header[0] & 0x0fU) * 4;
    const uint32_t total = load16(header + 2);
    if (header_bytes < 20 || header_bytes > bytes) {
        return false;
    }
    const uint16_t field = load16(header + 6);
    quote.protocol = header[9];
    quote.fragment = (field & 0x3fff) != 0;
    quote.later_fragment = (field & 0x1fff) != 0;
    quote.source.address = address_at(Family::v4, header + 12);
    quote.destination.address = address_at(Family::v4, header + 16);
    quote.l4 = quote.ip + header_bytes;
    if (total >= header_bytes) {  // there are hosts that quote it less its header
        quote.end = std::min(quote.end, quote.ip + total);
    }
    return true;
}

bool quoted_v6(Quote& quote, const uint8_t* frame) {
    const uint8_t* header = frame + quote.ip;
    const uint32_t bytes = quote.end - quote.ip;
    if (bytes < 40 || header[0] >> 4 != 6) {
        return false;
    }
    quote.end = std::min(quote.end, quote.ip + 40 + load16(header + 4));
    const auto extensions = walk_extensions({frame, quote.end}, quote.ip + 40, header[6]);
    if (!extensions) {
        return false;
    }
    quote.protocol = extensions->protocol;
    quote.fragment = extensions->fragment;
    quote.later_fragment = extensions->fragment_offset != 0;
    quote.source.address = address_at(Family::v6, header + 8);
    quote.destination.address = address_at(Family::v6, header + 24);
    quote.l4 = extensions->end;
    return true;
}

// The message whose checksum follows each of its fields.
class Patch {
public:
    explicit Patch(uint8_t* checksum) : checksum_(checksum) {}

    void set16(uint8_t* at, uint16_t value) {
        delta_.replace16(load16(at), value);
        store16(at, value);
    }
    // Sets an address too, of which `covering` keeps what it changed.
    void set(uint8_t* at, const Address& address, Delta& covering) {
        covering.replace({at, address.data().size()}, address.data());
        delta_.replace({at, address.data().size()}, address.data());
        std::ranges::copy(address.data(), at);
    }
    void finish() { store16(checksum_, delta_.apply(load16(checksum_))); }

private:
    uint8_t* checksum_;
    Delta delta_;
};

struct Message {
    uint8_t type = 0, code = 0;
    uint32_t rest = 0;  // what stands behind the checksum
};

void write_ip_header(uint8_t* at, const Packet& about, const Address& from, uint32_t length) {
    if (about.family == Family::v4) {
        constexpr uint8_t internetwork_control = 0xc0;  // RFC 1812 4.3.2.5
        std::memset(at, 0, 20);
        at[0] = 0x45;
        at[1] = internetwork_control;
        store16(at + 2, static_cast<uint16_t>(length));
        store16(at + 6, 0x4000);
        at[8] = fresh_ttl;
        at[9] = static_cast<uint8_t>(Protocol::icmp);
        std::copy_n(from.bytes.begin(), 4, at + 12);
        std::copy_n(about.source.bytes.begin(), 4, at + 16);
        store16(at + 10, fold_checksum(sum_words({at, 20})));
        return;
    }
    std::memset(at, 0, 40);
    at[0] = 0x60;
    store16(at + 4, static_cast<uint16_t>(length - 40));
    at[6] = static_cast<uint8_t>(Protocol::icmp6);
    at[7] = fresh_ttl;
    std::copy_n(from.bytes.begin(), 16, at + 8);
    std::copy_n(about.source.bytes.begin(), 16, at + 24);
}

uint32_t make_error(std::span<uint8_t> out, const Frame& frame, const Packet& about,
                    const Address& from, const Message& error) {
    const bool v4 = about.family == Family::v4;
    const uint32_t ip_bytes = v4 ? 20 : 40;
    const uint32_t before_quote = ip_bytes + icmp_header_bytes;
    const size_t most =
        std::min<size_t>(out.size(), v4 ? icmp_error_bytes_v4 : icmp_error_bytes_v6);
    if (most < before_quote + ip_bytes + 8) {
        return 0;
    }
    const uint32_t quoted =
        std::min(about.end - about.ip, static_cast<uint32_t>(most) - before_quote);
    uint8_t* icmp = out.data() + ip_bytes;
    write_ip_header(out.data(), about, from, before_quote + quoted);
    icmp[0] = error.type;
    icmp[1] = error.code;
    store16(icmp + 2, 0);
    store32(icmp + 4, error.rest);
    std::copy_n(frame.data + about.ip, quoted, icmp + icmp_header_bytes);
    const std::span<const uint8_t> message{icmp, icmp_header_bytes + quoted};
    store16(icmp + 2, v4 ? fold_checksum(sum_words(message))
                         : transport_checksum(from.data(), about.source.data(),
                                              static_cast<uint8_t>(Protocol::icmp6), message));
    return before_quote + quoted;
}

}  // namespace

bool is_icmp_error(const Packet& packet) {
    return packet.icmp() && !packet.later_fragment() && is_error(packet.family, packet.icmp_type);
}

namespace {

// From quote.ip to quote.end, of that family.
std::optional<Quote> quoted_in(Quote quote, Family family, const uint8_t* frame) {
    const bool v4 = family == Family::v4;
    if (!(v4 ? quoted_v4(quote, frame) : quoted_v6(quote, frame))) {
        return std::nullopt;
    }
    if (quote.later_fragment || quote.end - quote.l4 < 8) {
        return quote;
    }
    const uint8_t* l4 = frame + quote.l4;
    if (quote.protocol == static_cast<uint8_t>(Protocol::tcp) ||
        quote.protocol == static_cast<uint8_t>(Protocol::udp)) {
        quote.has_ports = true;
        quote.source.port = load16(l4);
        quote.destination.port = load16(l4 + 2);
    } else if (v4 && quote.protocol == static_cast<uint8_t>(Protocol::icmp)) {
        quote.echo = l4[0] == v4_type::echo || l4[0] == v4_type::echo_reply;
    } else if (!v4 && quote.protocol == static_cast<uint8_t>(Protocol::icmp6)) {
        quote.echo = l4[0] == v6_type::echo || l4[0] == v6_type::echo_reply;
    }
    return quote;
}

}  // namespace

std::optional<Quote> quoted_packet(const Frame& frame, const Packet& packet) {
    if (!is_icmp_error(packet)) {
        return std::nullopt;
    }
    Quote quote;
    quote.ip = packet.l4 + icmp_header_bytes;
    quote.end = end_of_quote(frame, packet);
    return quoted_in(quote, packet.family, frame.data);
}

std::optional<Quote> quoted_at(std::span<const uint8_t> quoted, uint32_t at) {
    if (at >= quoted.size()) {
        return std::nullopt;
    }
    Quote quote;
    quote.ip = at;
    quote.end = static_cast<uint32_t>(quoted.size());
    return quoted_in(quote, quoted[at] >> 4 == 6 ? Family::v6 : Family::v4, quoted.data());
}

Packet packet_of(const Quote& quote) {
    Packet packet;
    packet.protocol = quote.protocol;
    packet.family = quote.source.address.family;
    packet.fragment = quote.fragment;
    packet.has_ports = quote.has_ports;
    packet.source = quote.source.address;
    packet.destination = quote.destination.address;
    packet.source_port = quote.source.port;
    packet.destination_port = quote.destination.port;
    packet.ip = quote.ip;
    packet.l4 = quote.l4;
    packet.end = quote.end;
    return packet;
}

std::optional<uint32_t> told_mtu(const Frame& frame, const Packet& error) {
    constexpr uint8_t fragmentation_needed = 4;
    const uint8_t* rest = frame.data + error.l4 + 4;
    if (error.family == Family::v6) {
        return error.icmp_type == v6_type::packet_too_big ? std::optional(load32(rest))
                                                          : std::nullopt;
    }
    return error.icmp_type == v4_type::unreachable && error.icmp_code == fragmentation_needed
               ? std::optional<uint32_t>(load16(rest + 2))
               : std::nullopt;
}

bool sound_icmp(const Frame& frame, const Packet& message) {
    const auto bytes = frame.bytes().subspan(message.l4, message.end - message.l4);
    return message.family == Family::v4
               ? fold_checksum(sum_words(bytes)) == 0
               : transport_checksum(message.source.data(), message.destination.data(),
                                    static_cast<uint8_t>(Protocol::icmp6), bytes) == 0;
}

Translation unchanged(const Packet& packet, const Quote& quote) {
    return {packet.source, packet.destination, quote.source, quote.destination};
}

void translate_error(Frame& frame, Packet& packet, Quote& quote, const Translation& to) {
    const bool v4 = packet.family == Family::v4;
    Patch message(frame.data + packet.l4 + 2);
    uint8_t* ip = frame.data + quote.ip;
    uint8_t* l4 = frame.data + quote.l4;

    Delta addresses;
    message.set(ip + (v4 ? 12 : 8), to.quoted_source.address, addresses);
    message.set(ip + (v4 ? 16 : 24), to.quoted_destination.address, addresses);
    if (v4) {
        message.set16(ip + 10, addresses.apply(load16(ip + 10)));
    }
    Delta transport = addresses;
    if (quote.has_ports) {
        transport.replace16(quote.source.port, to.quoted_source.port);
        transport.replace16(quote.destination.port, to.quoted_destination.port);
        message.set16(l4, to.quoted_source.port);
        message.set16(l4 + 2, to.quoted_destination.port);
    }
    const auto checksum = checksum_over_addresses(packet.family, quote.protocol);
    if (checksum && !quote.later_fragment && quote.l4 + *checksum + 2 <= quote.end) {
        uint8_t copy[2] = {l4[*checksum], l4[*checksum + 1]};
        apply_to_transport(transport, quote.protocol, copy);
        message.set16(l4 + *checksum, load16(copy));
    }
    message.finish();

    rewrite_source_address(frame, packet, to.source);
    rewrite_destination_address(frame, packet, to.destination);
    quote.source = {to.quoted_source.address,
                    quote.has_ports ? to.quoted_source.port : uint16_t{0}};
    quote.destination = {to.quoted_destination.address,
                         quote.has_ports ? to.quoted_destination.port : uint16_t{0}};
}

bool may_answer(const Frame& frame, const Packet& packet) {
    const bool v4 = packet.family == Family::v4;
    if (packet.later_fragment() || impossible_source(packet) || is_special(packet.destination) ||
        (packet.ip >= ethernet_bytes && (frame.data[0] & 1) != 0)) {
        return false;
    }
    if (!packet.icmp()) {
        return true;
    }
    return v4 ? !is_error(Family::v4, packet.icmp_type) && packet.icmp_type != v4_type::redirect
              : packet.icmp_type >= v6_type::first_inquiry && packet.icmp_type != v6_type::redirect;
}

uint32_t make_time_exceeded(std::span<uint8_t> out, const Frame& frame, const Packet& packet,
                            const Address& from) {
    const bool v4 = packet.family == Family::v4;
    return make_error(out, frame, packet, from,
                      {v4 ? v4_type::time_exceeded : v6_type::time_exceeded, 0, 0});
}

uint32_t make_packet_too_big(std::span<uint8_t> out, const Frame& frame, const Packet& packet,
                             const Address& from, uint16_t mtu) {
    constexpr uint8_t fragmentation_needed = 4;
    return make_error(out, frame, packet, from,
                      packet.family == Family::v4
                          ? Message{v4_type::unreachable, fragmentation_needed, mtu}
                          : Message{v6_type::packet_too_big, 0, mtu});
}

uint32_t make_unreachable(std::span<uint8_t> out, const Frame& frame, const Packet& packet,
                          const Address& from, uint8_t code) {
    const bool v4 = packet.family == Family::v4;
    return make_error(out, frame, packet, from,
                      {v4 ? v4_type::unreachable : v6_type::unreachable, code, 0});
}

// Time fills a share's bucket as if it were the whole, and each token costs as many as there are.
RateLimit::RateLimit(uint32_t per_second, uint32_t burst, uint32_t shares)
    : per_second_(per_second),
      token_(int64_t{shares} * 1'000'000),
      full_(int64_t{burst} * 1'000'000),
      tokens_(full_) {}

bool RateLimit::take(Micros now) {
    if (!started_) {
        started_ = true;
        filled_ = now;
    }
    if (now > filled_) {
        const int64_t elapsed = now - filled_;
        const bool fills = per_second_ != 0 && elapsed >= full_ / per_second_ + 1;
        tokens_ = fills ? full_ : std::min(full_, tokens_ + elapsed * per_second_);
        filled_ = now;
    }
    if (tokens_ < token_) {
        return false;
    }
    tokens_ -= token_;
    return true;
}

}  // namespace rehome::vipd
