// A capture as vipctl asks for it: start, read until it has enough, stop.  One runs at a time.
//
// The file's bytes are made here; between two reads packets wait in the workers' rings.  A capture
// that nobody reads for 10 s ends.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "common/error.h"
#include "common/vipd_config/config.h"
#include "vipd/daemon/observers.h"
#include "vipd/packet/micros.h"
#include "vipd/state/tables.h"

namespace rehome::vipd {

class Captures {
public:
    explicit Captures(Observers& observers) : observers_(observers) {}

    // Answers to requests of the control socket.
    Result<nlohmann::json> start(const nlohmann::json& request, const Config& config);
    Result<nlohmann::json> read(const nlohmann::json& request);
    Result<nlohmann::json> stop(const nlohmann::json& request);

    void stop_unread(Micros now);

private:
    struct Running {
        uint64_t id = 0;
        Observers::Rings rings;
        std::vector<std::string> ports;  // their names
        int64_t to_wall_clock = 0;       // what to add to the worker's clock
        Micros until = 0;                // when nobody reads it any more
        std::vector<uint8_t> file;       // not yet handed out
        uint64_t count = 0;              // packets at most; 0: no limit
        uint64_t written = 0;            // packets

        bool full() const { return count != 0 && written >= count; }
        bool take_packets(size_t most_bytes);
        nlohmann::json take(size_t most_bytes);
    };

    Result<> find(const nlohmann::json& request) const;

    Observers& observers_;
    std::optional<Running> running_;
    uint64_t started_ = 0;  // captures, ever
};

}  // namespace rehome::vipd
