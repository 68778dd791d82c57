#include "vipd/daemon/capture.h"

#include <fmt/core.h>

#include <algorithm>

#include <nlohmann/json.hpp>

#include "common/base64.h"
#include "common/clock.h"
#include "common/command.h"
#include "vipd/adapter/capture_filter.h"
#include "vipd/watch/pcapng.h"
#include "vipd/watch/why.h"

namespace rehome::vipd {

namespace {

using nlohmann::json;

constexpr size_t read_bytes = 1u << 20;  // of the file, for each answer
constexpr size_t read_packets = 64;      // between two looks at the bytes
constexpr Micros patience = 10'000'000;

void append(std::vector<uint8_t>& out, const std::vector<uint8_t>& more) {
    out.insert(out.end(), more.begin(), more.end());
}

Result<CaptureOptions> options_of(const json& request, const Config& config) {
    CaptureOptions options;
    options.ports = config.ports.size();
    options.count = request.value("count", uint64_t{0});
    options.snap = request.value("snap", options.snap);
    const std::string direction = request.value("direction", "in");
    options.received = direction != "out";
    options.sent = direction != "in";
    if (request.contains("drop")) {
        if (auto done = options.only_drops(request.value("drop", "")); !done) {
            return tl::unexpected(done.error());
        }
    }
    if (request.contains("port")) {
        auto number = port_named(config, request.value("port", ""));
        if (!number) {
            return tl::unexpected(number.error());
        }
        options.port = *number;
    }
    auto filter = compile_filter(request.value("filter", ""));
    if (!filter) {
        return tl::unexpected(filter.error());
    }
    options.filter = std::move(*filter);
    return options;
}

}  // namespace

Result<json> Captures::start(const json& request, const Config& config) {
    if (running_) {
        return fail(Exit::no, "", "a capture runs already, expected none");
    }
    const auto options = options_of(request, config);
    if (!options) {
        return tl::unexpected(options.error());
    }
    const Micros now = monotonic_us();
    Running c;
    c.id = ++started_;
    for (size_t i = 0; i < observers_.workers().size(); ++i) {
        c.rings.push_back(std::make_shared<CaptureRing>(*options));
    }
    c.to_wall_clock = now_us() - now;
    c.count = options->count;
    append(c.file, pcapng::section(fmt::format("vipd {}", version), ""));
    for (const auto& port : config.ports) {
        c.ports.push_back(port.name);
        append(c.file, pcapng::interface(port.name, options->snap, request.value("filter", "")));
    }
    if (auto done = observers_.capture_into(c.rings); !done) {
        (void)observers_.capture_into({});
        return tl::unexpected(done.error());
    }
    running_ = std::move(c);
    return running_->take(read_bytes);
}

Result<> Captures::find(const json& request) const {
    if (!running_ || running_->id != request.value("id", uint64_t{0})) {
        return fail(Exit::no, "", "no such capture runs: it was over, or nobody read it for 10 s");
    }
    return {};
}

Result<json> Captures::read(const json& request) {
    const auto found = find(request);
    return found ? Result<json>(running_->take(read_bytes)) : tl::unexpected(found.error());
}

// What is still in the rings, and at the end how many packets each port missed.
Result<json> Captures::stop(const json& request) {
    if (auto found = find(request); !found) {
        return tl::unexpected(found.error());
    }
    const auto done = observers_.capture_into({});  // from here on the workers write no more
    json answer = running_->take(SIZE_MAX);
    std::vector<uint8_t> end;
    for (uint32_t i = 0; i < running_->ports.size(); ++i) {
        uint64_t missed = 0;
        for (const auto& ring : running_->rings) {
            missed += ring->missed_at(static_cast<PortIndex>(i));
        }
        append(end, pcapng::statistics(i, {now_us(), missed}));
    }
    answer["end"] = to_base64(end);
    running_.reset();
    return done ? Result<json>(answer) : tl::unexpected(done.error());
}

void Captures::stop_unread(Micros now) {
    if (running_ && now > running_->until) {
        running_.reset();
        (void)observers_.capture_into({});  // a worker that does not answer is told of elsewhere
    }
}

// Adds packets to the file, those of all workers by time, until it has some more bytes than that;
// returns whether more wait.
bool Captures::Running::take_packets(size_t most_bytes) {
    struct Written {
        int64_t time_us;
        std::vector<uint8_t> block;
    };
    std::vector<Written> packets;
    size_t bytes = file.size();
    const auto write = [&](const CapturedPacket& packet) {
        if (full()) {
            return;  // each worker may keep that many
        }
        ++written;
        const bool out = packet.fate.kind == Fate::Kind::sent;
        packets.push_back(
            {packet.time_us,
             pcapng::packet({packet.port, packet.time_us + to_wall_clock, packet.original_length,
                             out ? pcapng::Direction::out : pcapng::Direction::in},
                            packet.frame, capture_comment(packet.fate, ports))});
        bytes += packets.back().block.size();
    };
    bool empty = false;
    while (bytes < most_bytes && !empty) {
        empty = true;
        for (const auto& ring : rings) {
            empty = ring->take(read_packets, write) == 0 && empty;
        }
    }
    std::stable_sort(packets.begin(), packets.end(),
                     [](const Written& a, const Written& b) { return a.time_us < b.time_us; });
    for (const Written& packet : packets) {
        append(file, packet.block);
    }
    return !empty;
}

// The next bytes of the file, and how it goes.
json Captures::Running::take(size_t most_bytes) {
    until = monotonic_us() + patience;
    const bool more = take_packets(most_bytes);
    uint64_t missed = 0;
    for (const auto& ring : rings) {
        missed += ring->missed();
    }
    json answer{{"id", id},     {"file", to_base64(file)}, {"packets", written}, {"missed", missed},
                {"more", more}, {"full", full()}};
    file.clear();
    return answer;
}

}  // namespace rehome::vipd
