// Datapath::note, for the files that the datapath is written in.
#pragma once

#include <fmt/format.h>

#include "vipd/path/datapath.h"

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
void Datapath::note(std::string_view stage, fmt::format_string<Parts...> format, Parts&&... parts) {
    if (trace_ != nullptr) [[unlikely]] {
        trace_->note(stage, fmt::format(format, std::forward<Parts>(parts)...));
    }
}

}  // namespace rehome::vipd
