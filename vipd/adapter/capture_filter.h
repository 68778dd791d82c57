// A capture's filter in libpcap's language (pcap-filter(7)), compiled to BPF, and run on a frame by
// libpcap.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "common/error.h"

namespace rehome::vipd {

// Whether the filter takes a frame; any thread may call it.  An empty expression gives null.
Result<std::function<bool(std::span<const uint8_t> frame)>> compile_filter(
    const std::string& expression);

}  // namespace rehome::vipd
