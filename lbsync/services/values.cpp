#include "lbsync/services/values.h"

#include <bit>
#include <charconv>

#include "common/error.h"

namespace rehome::lbsync::services {

Read<uint32_t> number(std::string_view text) {
    uint32_t value = 0;
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value);
    if (text.empty() || error != std::errc{} || stop != end) {
        return wrong(in_quotes(text) + " is no number");
    }
    return value;
}

Read<uint16_t> port(std::string_view text) {
    const auto value = number(text);
    if (!value || *value > 65535) {
        return wrong(in_quotes(text) + " is no port's number");
    }
    return static_cast<uint16_t>(*value);
}

Read<Address> address(std::string_view text) {
    const auto parsed = Address::parse(text);
    return parsed ? Read<Address>(*parsed) : wrong(in_quotes(text) + " is no address");
}

// "192.0.2.1-10": to the last octet or group of the address.
Read<std::vector<Address>> address_range(const std::string& text) {
    const size_t dash = text.find('-');
    const auto first = address(text.substr(0, dash));
    if (!first) {
        return wrong(first.error());
    }
    if (dash == text.npos) {
        return std::vector<Address>{*first};
    }
    const bool v4 = first->family == Family::v4;
    unsigned last = 0;
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data() + dash + 1, end, last, v4 ? 10 : 16);
    const size_t at = v4 ? 3 : 15;
    const unsigned low =
        v4 ? first->bytes[3] : static_cast<unsigned>(first->bytes[14] << 8 | first->bytes[15]);
    if (error != std::errc{} || stop != end || last < low || last > (v4 ? 255U : 65535U)) {
        return wrong(in_quotes(text) + " is no range of addresses");
    }
    std::vector<Address> all;
    for (unsigned i = low; i <= last; ++i) {
        Address one = *first;
        one.bytes[at] = static_cast<uint8_t>(i);
        if (!v4) {
            one.bytes[14] = static_cast<uint8_t>(i >> 8);
        }
        all.push_back(one);
    }
    return all;
}

Read<unsigned> ipv4_mask(std::string_view text) {
    const auto mask = Address::parse(text);
    const bool v4 = mask && mask->family == Family::v4;
    const uint32_t hosts = v4 ? ~mask->v4_host_order() : 0;
    if (!v4 || (hosts & (hosts + 1)) != 0) {
        return wrong(in_quotes(text) + " is no mask of a prefix");
    }
    return static_cast<unsigned>(std::countl_one(~hosts));
}

}  // namespace rehome::lbsync::services
