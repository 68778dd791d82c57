// The values in files of services.  What is no such value is told in words.  Pure; no state.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "common/address.h"

namespace rehome::lbsync::services {

template <typename T>
using Read = tl::expected<T, std::string>;
using Failed = tl::expected<void, std::string>;

inline tl::unexpected<std::string> wrong(std::string what) {
    return tl::unexpected(std::move(what));
}

Read<uint32_t> number(std::string_view text);
Read<uint16_t> port(std::string_view text);
Read<Address> address(std::string_view text);

// "192.0.2.1-10", up to the address's last octet or group, or one address.
Read<std::vector<Address>> address_range(const std::string& text);

// "255.255.255.0": 24
Read<unsigned> ipv4_mask(std::string_view text);

}  // namespace rehome::lbsync::services
