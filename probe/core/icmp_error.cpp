// See icmp_error.h.
#include "probe/core/icmp_error.h"

#include <fmt/format.h>

namespace rehome::probe {

namespace {

struct Named {
    Family family;
    uint8_t type;
    uint8_t code;
    const char* text;
};

constexpr Named names[] = {
    {Family::v4, 3, 0, "network unreachable"},
    {Family::v4, 3, 1, "host unreachable"},
    {Family::v4, 3, 2, "protocol unreachable"},
    {Family::v4, 3, 3, "port unreachable"},
    {Family::v4, 3, 4, "fragmentation needed"},
    {Family::v4, 3, 9, "network prohibited"},
    {Family::v4, 3, 10, "host prohibited"},
    {Family::v4, 3, 13, "administratively prohibited"},
    {Family::v4, 11, 0, "time to live exceeded"},
    {Family::v6, 1, 0, "no route"},
    {Family::v6, 1, 1, "administratively prohibited"},
    {Family::v6, 1, 3, "address unreachable"},
    {Family::v6, 1, 4, "port unreachable"},
    {Family::v6, 1, 5, "source address failed policy"},
    {Family::v6, 1, 6, "route rejected"},
    {Family::v6, 2, 0, "packet too big"},
    {Family::v6, 3, 0, "hop limit exceeded"},
};

}  // namespace

std::string icmp_error_text(Family family, uint8_t type, uint8_t code) {
    for (const Named& named : names) {
        if (named.family == family && named.type == type && named.code == code) {
            return named.text;
        }
    }
    return fmt::format("ICMP type {} code {}", type, code);
}

}  // namespace rehome::probe
