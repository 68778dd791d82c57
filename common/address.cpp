// Text forms: inet_pton(3) and inet_ntop(3); prefixes after RFC 4632, section 3.1, and RFC 4291,
// section 2.3; "[ADDRESS]:PORT" after RFC 3986, section 3.2.2.
#include "common/address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <optional>

namespace rehome {

namespace {

// Digits alone, no sign, no leading zero, at most max.
std::optional<unsigned> parse_number(std::string_view text, unsigned max) {
    unsigned value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    const bool whole = error == std::errc() && end == text.data() + text.size();
    const bool padded = text.size() > 1 && text.front() == '0';
    if (!whole || padded || value > max) {
        return std::nullopt;
    }
    return value;
}

int native(Family family) {
    return family == Family::v4 ? AF_INET : AF_INET6;
}

// The first bits of the address, the rest zero.
Address masked(const Address& address, unsigned length) {
    Address result = address;
    for (unsigned i = 0; i < result.bytes.size(); ++i) {
        const unsigned kept =
            std::clamp<int>(static_cast<int>(length) - static_cast<int>(i) * 8, 0, 8);
        result.bytes[i] &= static_cast<uint8_t>(0xff00u >> kept);
    }
    return result;
}

struct Slashed {
    Address address;
    unsigned length = 0;
};

std::optional<Slashed> parse_slashed(std::string_view text) {
    const size_t slash = text.find('/');
    const auto address = Address::parse(text.substr(0, slash));
    if (!address) {
        return std::nullopt;
    }
    if (slash == std::string_view::npos) {
        return Slashed{*address, address->bits()};
    }
    const auto length = parse_number(text.substr(slash + 1), address->bits());
    if (!length) {
        return std::nullopt;
    }
    return Slashed{*address, *length};
}

// The two halves of "ADDRESS:PORT", brackets removed; a colon in the address without brackets
// leaves nothing, as nobody could tell where the port begins.
std::optional<std::pair<std::string_view, std::string_view>> split_endpoint(std::string_view text) {
    const size_t colon = text.rfind(':');
    if (colon == std::string_view::npos || colon == 0) {
        return std::nullopt;
    }
    std::string_view host = text.substr(0, colon);
    const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
    const bool has_colon = host.find(':') != std::string_view::npos;
    if (bracketed != has_colon) {
        return std::nullopt;
    }
    if (bracketed) {
        host = host.substr(1, host.size() - 2);
    }
    return std::pair{host, text.substr(colon + 1)};
}

}  // namespace

Result<Address> Address::parse(std::string_view text) {
    // A NUL byte inside would end the text early for inet_pton.
    if (text.size() < INET6_ADDRSTRLEN && text.find('\0') == std::string_view::npos) {
        const std::string terminated(text);
        for (const Family family : {Family::v4, Family::v6}) {
            Address address{.family = family, .bytes = {}};
            if (inet_pton(native(family), terminated.c_str(), address.bytes.data()) == 1) {
                return address;
            }
        }
    }
    return fail(
        Exit::usage, "",
        in_quotes(text) + " is no IP address, expected one such as 192.0.2.1 or 2001:db8::1");
}

std::string Address::text() const {
    std::array<char, INET6_ADDRSTRLEN> buffer{};
    inet_ntop(native(family), bytes.data(), buffer.data(), buffer.size());
    return buffer.data();
}

Result<Prefix> Prefix::parse(std::string_view text) {
    const auto parsed = parse_slashed(text);
    if (!parsed) {
        return fail(Exit::usage, "",
                    in_quotes(text) + " is no prefix, expected one such as 192.0.2.0/24");
    }
    const Prefix prefix{masked(parsed->address, parsed->length), parsed->length};
    if (prefix.address != parsed->address) {
        return fail(Exit::usage, "",
                    in_quotes(text) + " has host bits set, expected " + prefix.text());
    }
    return prefix;
}

bool Prefix::contains(const Address& other) const {
    return other.family == address.family && masked(other, length) == address;
}

bool Prefix::contains(const Prefix& other) const {
    return other.length >= length && contains(other.address);
}

std::string Prefix::text() const {
    return address.text() + "/" + std::to_string(length);
}

Result<InterfaceAddress> InterfaceAddress::parse(std::string_view text) {
    const auto parsed = parse_slashed(text);
    if (!parsed) {
        return fail(
            Exit::usage, "",
            in_quotes(text) + " is no interface address, expected one such as 192.0.2.1/24");
    }
    return InterfaceAddress{parsed->address, parsed->length};
}

std::string InterfaceAddress::text() const {
    return address.text() + "/" + std::to_string(length);
}

Prefix InterfaceAddress::subnet() const {
    return {masked(address, length), length};
}

Result<Endpoint> Endpoint::parse(std::string_view text) {
    if (const auto halves = split_endpoint(text)) {
        const auto address = Address::parse(halves->first);
        const auto port = parse_number(halves->second, 65535);
        if (address && port) {
            return Endpoint{*address, static_cast<uint16_t>(*port)};
        }
    }
    return fail(
        Exit::usage, "",
        in_quotes(text) + " is no endpoint, expected one such as 192.0.2.1:80 or [2001:db8::1]:80");
}

std::string Endpoint::text() const {
    const std::string host = address.text();
    return (address.family == Family::v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

std::string_view name(Protocol protocol) {
    switch (protocol) {
        case Protocol::icmp:
            return "icmp";
        case Protocol::tcp:
            return "tcp";
        case Protocol::udp:
            return "udp";
        case Protocol::icmp6:
            return "icmp6";
    }
    return "unknown";
}

Result<Protocol> parse_protocol(std::string_view text) {
    for (const Protocol protocol : {Protocol::tcp, Protocol::udp}) {
        if (text == name(protocol)) {
            return protocol;
        }
    }
    return fail(Exit::usage, "",
                in_quotes(text) + " is no transport protocol, expected tcp or udp");
}

}  // namespace rehome
