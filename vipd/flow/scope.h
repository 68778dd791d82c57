// Which flows an order of the operator's is about: those of some servers, of a service, of a line,
// of this site or of another one.
#pragma once

#include <cstdint>
#include <tuple>
#include <vector>

#include "vipd/flow/flow.h"

namespace rehome::vipd {

struct Scope {
    enum class Kind : uint8_t {
        servers,  // served by one of these
        service,  // of that number, and served here
        line,     // of that number: their clients came in by it last
        here,     // served here
        peers,    // relayed to one of these
    };
    struct Server {
        uint32_t service = 0;  // its number
        Endpoint end;          // port 0: it is tunnelled to

        bool operator==(const Server&) const = default;
        bool operator<(const Server& other) const {
            return std::tie(service, end.port, end.address.family, end.address.bytes) <
                   std::tie(other.service, other.end.port, other.end.address.family,
                            other.end.address.bytes);
        }
    };

    Kind kind = Kind::here;
    uint32_t number = 0;
    std::vector<Server> servers;  // sorted
    std::vector<bool> peers;      // by number

    bool covers(const Flow& flow) const;

    bool operator==(const Scope&) const = default;
};

}  // namespace rehome::vipd
