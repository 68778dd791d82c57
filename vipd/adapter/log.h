// vipd's log: standard error, a line each, with the time.
#pragma once

#include <cstdio>
#include <utility>

#include <fmt/format.h>

#include "common/clock.h"

namespace rehome::vipd {

// As one write, so that lines of several threads stay whole.
template <typename... Parts>
void log_line(fmt::format_string<Parts...> format, Parts&&... parts) {
    const auto line = fmt::format("{} vipd: {}\n", iso8601(now_us()),
                                  fmt::format(format, std::forward<Parts>(parts)...));
    std::fwrite(line.data(), 1, line.size(), stderr);
}

}  // namespace rehome::vipd
