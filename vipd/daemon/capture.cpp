// A capture as vipctl asks for it: start, read until it has enough, stop.  The file's bytes are
// made here; between two reads packets wait in the workers' rings, and a capture that nobody reads
// for 10 s ends.
#include <fmt/core.h>

#include <algorithm>

#include <nlohmann/json.hpp>

#include "common/base64.h"
#include "common/clock.h"
#include "common/command.h"
#include "vipd/adapter/capture_filter.h"
#include "vipd/daemon/daemon.h"
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

}  // namespace

uint64_t Capturing::missed() const {
    uint64_t sum = 0;
    for (const auto& ring : rings) {
        sum += ring->missed();
    }
    return sum;
}

Result<json> Daemon::capture(const json& request) {
    const std::string action = request.value("action", "");
    if (action == "start") {
        return start_capture(request);
    }
    if (!capture_ || capture_->id != request.value("id", uint64_t{0})) {
        return fail(Exit::usage, "",
                    "no such capture runs: it was over, or nobody read it for 10 s");
    }
    if (action == "read") {
        return read_capture(read_bytes);
    }
    if (action == "stop") {
        return stop_capture();
    }
    return fail(Exit::usage, "", "expected the action start, read or stop");
}

Result<json> Daemon::start_capture(const json& request) {
    if (capture_) {
        return fail(Exit::usage, "", "a capture runs already, expected none");
    }
    CaptureOptions options;
    options.ports = config().ports.size();
    options.count = request.value("count", uint64_t{0});
    options.snap = request.value("snap", options.snap);
    const std::string direction = request.value("direction", "in");
    options.received = direction != "out";
    options.sent = direction != "in";
    if (direction != "in" && direction != "out" && direction != "both") {
        return fail(Exit::usage, "", "expected the direction in, out or both");
    }
    if (const std::string reason = request.value("drop", ""); !reason.empty()) {
        if (auto done = options.only_drops(reason); !done) {
            return tl::unexpected(done.error());
        }
    }
    if (const std::string port = request.value("port", ""); !port.empty()) {
        auto number = port_for(config(), tables(), port, {});
        if (!number) {
            return tl::unexpected(number.error());
        }
        options.port = *number;
    }
    const std::string expression = request.value("filter", "");
    auto filter = compile_filter(expression);
    if (!filter) {
        return tl::unexpected(filter.error());
    }
    options.filter = std::move(*filter);
    const Micros now = monotonic_us();
    capture_.emplace();
    capture_->id = ++captures_;
    for (size_t i = 0; i < workers_.size(); ++i) {
        capture_->rings.push_back(std::make_shared<CaptureRing>(options));
    }
    capture_->to_wall_clock = now_us() - now;
    capture_->until = now + patience;
    capture_->count = options.count;
    append(capture_->file, pcapng::section(fmt::format("vipd {}", version), ""));
    for (const auto& port : config().ports) {
        append(capture_->file, pcapng::interface(port.name, options.snap, expression));
    }
    if (auto done = observe(true); !done) {
        capture_.reset();
        return tl::unexpected(done.error());
    }
    return read_capture(read_bytes);
}

// The next bytes of the file, some more than `most`, and how it goes.
json Daemon::read_capture(size_t most) {
    Capturing& c = *capture_;
    c.until = monotonic_us() + patience;
    std::vector<std::string> ports;
    for (const auto& port : config().ports) {
        ports.push_back(port.name);
    }
    // The workers' packets of this answer, by time.
    struct Written {
        int64_t time_us;
        std::vector<uint8_t> block;
    };
    std::vector<Written> written;
    size_t bytes = c.file.size();
    const auto write = [&](const CapturedPacket& packet) {
        if (c.count != 0 && c.written >= c.count) {
            return;  // each worker may keep that many
        }
        ++c.written;
        const bool out = packet.fate.kind == Fate::Kind::sent;
        written.push_back(
            {packet.time_us,
             pcapng::packet({packet.port, packet.time_us + c.to_wall_clock, packet.original_length,
                             out ? pcapng::Direction::out : pcapng::Direction::in},
                            packet.frame, capture_comment(packet.fate, ports))});
        bytes += written.back().block.size();
    };
    bool empty = false;
    while (bytes < most && !empty) {
        empty = true;
        for (const auto& ring : c.rings) {
            empty = ring->take(read_packets, write) == 0 && empty;
        }
    }
    std::stable_sort(written.begin(), written.end(),
                     [](const Written& a, const Written& b) { return a.time_us < b.time_us; });
    for (const Written& packet : written) {
        append(c.file, packet.block);
    }
    json answer{{"id", c.id},           {"file", to_base64(c.file)},
                {"packets", c.written}, {"missed", c.missed()},
                {"more", !empty},       {"full", c.count != 0 && c.written >= c.count}};
    c.file.clear();
    return answer;
}

// What is still in the ring, and at the end how many packets each port missed.
Result<json> Daemon::stop_capture() {
    const auto done = observe(false);  // from here on the workers write no more
    json answer = read_capture(SIZE_MAX);
    std::vector<uint8_t> end;
    for (uint32_t i = 0; i < config().ports.size(); ++i) {
        const auto port = static_cast<PortIndex>(i);
        uint64_t missed = 0;
        for (const auto& ring : capture_->rings) {
            missed += ring->missed_at(port);
        }
        append(end, pcapng::statistics(i, {now_us(), missed}));
    }
    answer["end"] = to_base64(end);
    capture_.reset();
    return done ? Result<json>(answer) : tl::unexpected(done.error());
}

}  // namespace rehome::vipd
