// A capture: what a worker keeps of the packets that it handles, until the control thread takes it.
//
// A CaptureRing is one worker's, of fixed memory, with one writer and one reader and no locks; a
// packet that finds no room is counted as missed, and traffic never waits.  The original frame is
// kept before the datapath changes it, and told with what became of it.
//
//     before(slot, ...) for each packet of a burst, then after(slot, fate) for each
//     sent(...) for each frame that leaves by a port
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/error.h"
#include "vipd/packet/drop.h"
#include "vipd/route/fib.h"

namespace rehome::vipd {

// What became of a packet that was received.
struct Fate {
    enum class Kind : uint8_t { forward, punt, consumed, kept, drop, sent };
    Kind kind = Kind::punt;
    Drop drop = Drop::count_;  // drop
    PortIndex port = 0;        // forward: by which it leaves
};

struct CaptureOptions {
    std::function<bool(std::span<const uint8_t> frame)> filter;  // null: every frame
    std::optional<PortIndex> port;                               // only what comes or goes there
    bool received = true;
    bool sent = false;
    bool drops_only = false;
    std::optional<Drop> drop;  // only this reason; drops_only holds
    uint32_t snap = 262144;    // bytes kept of a frame
    uint64_t count = 0;        // a worker keeps no more packets than this; 0: no limit
    size_t ring_bytes = 8u << 20;
    size_t ports = 64;  // they are numbered below this

    // "all" or a reason's name: what --drop says.
    Result<> only_drops(std::string_view reason);
};

struct CapturedPacket {
    int64_t time_us = 0;  // the clock of whoever called before()
    PortIndex port = 0;
    Fate fate;
    uint32_t original_length = 0;
    std::span<const uint8_t> frame;  // at most snap bytes; valid while it is being taken
};

class CaptureRing {
public:
    static constexpr size_t burst_max = 64;

    explicit CaptureRing(CaptureOptions options);

    // The worker's side.  slot: the packet's number in its burst, below burst_max.
    void before(size_t slot, PortIndex port, std::span<const uint8_t> frame, int64_t time_us);
    void after(size_t slot, const Fate& fate);
    void sent(PortIndex port, std::span<const uint8_t> frame, int64_t time_us);
    // A packet that is dropped after its verdict, as it is by then.
    void lost(PortIndex port, std::span<const uint8_t> frame, Drop why, int64_t time_us);

    // The reader's side: hands over at most `packets`, oldest first; returns how many.
    size_t take(size_t packets, const std::function<void(const CapturedPacket&)>& to);

    uint64_t kept() const { return kept_.load(std::memory_order_relaxed); }
    uint64_t missed() const;
    uint64_t missed_at(PortIndex port) const;

private:
    struct Record;
    struct Waiting {
        std::vector<uint8_t> frame;
        int64_t time_us = 0;
        uint32_t original_length = 0;
        PortIndex port = 0;
        bool wanted = false;
    };

    bool wants(PortIndex port, std::span<const uint8_t> frame) const;
    void keep(const Record& record, std::span<const uint8_t> frame);
    void keep(PortIndex port, const Fate& fate, std::span<const uint8_t> frame, int64_t time_us);

    CaptureOptions options_;
    std::array<Waiting, burst_max> waiting_;  // grows to the largest frame, then stays
    std::vector<uint64_t> memory_;
    std::atomic<uint64_t> written_ = 0;  // in units of memory_, ever
    std::atomic<uint64_t> read_ = 0;
    std::atomic<uint64_t> kept_ = 0;
    std::vector<std::atomic<uint64_t>> missed_;  // by port
};

// What stands in the file with the packet: "dropped: no_service, to a moved prefix, but ..." or
// "to servers".  ports: their names.
std::string capture_comment(const Fate& fate, std::span<const std::string> ports);

}  // namespace rehome::vipd
