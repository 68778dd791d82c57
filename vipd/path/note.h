// Notes a decision for whoever wants to be told (trace.h).
#pragma once

#include <fmt/format.h>

#include "vipd/path/context.h"

// Formatted only when somebody asks for a trace.
template <>
struct fmt::formatter<rehome::Address> : fmt::formatter<std::string> {
    auto format(const rehome::Address& address, fmt::format_context& context) const {
        return fmt::formatter<std::string>::format(address.text(), context);
    }
};

template <>
struct fmt::formatter<rehome::Endpoint> : fmt::formatter<std::string> {
    auto format(const rehome::Endpoint& endpoint, fmt::format_context& context) const {
        return fmt::formatter<std::string>::format(endpoint.text(), context);
    }
};

namespace rehome::vipd {

template <typename... Parts>
void note(Hands& hands, std::string_view stage, fmt::format_string<Parts...> format,
          Parts&&... parts) {
    if (hands.trace != nullptr) [[unlikely]] {
        hands.trace->note(stage, fmt::format(format, std::forward<Parts>(parts)...));
    }
}

}  // namespace rehome::vipd
