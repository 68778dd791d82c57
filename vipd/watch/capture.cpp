#include "vipd/watch/capture.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstring>

namespace rehome::vipd {

// How a packet stands in the ring: this, then its bytes, padded to 8.  A record never wraps; one
// that would is preceded by a filler up to the end of the memory.
struct CaptureRing::Record {
    int64_t time_us = 0;
    uint32_t words = 0;  // of 8 bytes, with this header
    uint32_t captured = 0;
    uint32_t original_length = 0;
    PortIndex port = 0;
    Fate fate;
    bool filler = false;
};

namespace {

size_t words_of(size_t bytes) {
    return (bytes + 7) / 8;
}

}  // namespace

Result<> CaptureOptions::only_drops(std::string_view reason) {
    const auto* found = std::find_if(drop_names.begin(), drop_names.end(),
                                     [&](const DropName& entry) { return entry.name == reason; });
    if (reason != "all" && found == drop_names.end()) {
        std::string names = "all";
        for (const auto& entry : drop_names) {
            names += fmt::format(", {}", entry.name);
        }
        return fail(
            Exit::usage, "",
            fmt::format("{} is no drop reason, expected one of {}", in_quotes(reason), names));
    }
    drops_only = true;
    drop = reason == "all" ? std::nullopt : std::optional(found->drop);
    return {};
}

CaptureRing::CaptureRing(CaptureOptions options)
    : options_(std::move(options)),
      memory_(words_of(options_.ring_bytes)),
      missed_(options_.ports) {}

bool CaptureRing::wants(PortIndex port, std::span<const uint8_t> frame) const {
    const bool enough = options_.count != 0 && kept() >= options_.count;
    return !enough && (!options_.port || *options_.port == port) &&
           (!options_.filter || options_.filter(frame));
}

void CaptureRing::before(size_t slot, PortIndex port, std::span<const uint8_t> frame,
                         int64_t time_us) {
    Waiting& waiting = waiting_[slot];
    waiting.wanted = options_.received && wants(port, frame);
    if (waiting.wanted) {
        const auto start = frame.first(std::min<size_t>(frame.size(), options_.snap));
        waiting.frame.assign(start.begin(), start.end());
        waiting.original_length = static_cast<uint32_t>(frame.size());
        waiting.port = port;
        waiting.time_us = time_us;
    }
}

void CaptureRing::after(size_t slot, const Fate& fate) {
    Waiting& waiting = waiting_[slot];
    const bool dropped = fate.kind == Fate::Kind::drop;
    const bool other =
        options_.drops_only && (!dropped || (options_.drop && fate.drop != *options_.drop));
    if (waiting.wanted && !other) {
        keep({waiting.time_us, 0, 0, waiting.original_length, waiting.port, fate, false},
             waiting.frame);
    }
    waiting.wanted = false;
}

void CaptureRing::sent(PortIndex port, std::span<const uint8_t> frame, int64_t time_us) {
    if (options_.sent && !options_.drops_only && wants(port, frame)) {
        keep(port, {Fate::Kind::sent, Drop::count_, port}, frame, time_us);
    }
}

void CaptureRing::lost(PortIndex port, std::span<const uint8_t> frame, Drop why, int64_t time_us) {
    if ((!options_.drop || *options_.drop == why) && wants(port, frame)) {
        keep(port, {Fate::Kind::drop, why, port}, frame, time_us);
    }
}

void CaptureRing::keep(PortIndex port, const Fate& fate, std::span<const uint8_t> frame,
                       int64_t time_us) {
    const auto start = frame.first(std::min<size_t>(frame.size(), options_.snap));
    keep({time_us, 0, 0, static_cast<uint32_t>(frame.size()), port, fate, false}, start);
}

void CaptureRing::keep(const Record& record, std::span<const uint8_t> frame) {
    static_assert(sizeof(Record) % 8 == 0 && std::is_trivially_copyable_v<Record>);
    if (options_.count != 0 && kept() >= options_.count) {
        return;
    }
    const uint64_t size = memory_.size();
    const uint64_t needed = words_of(sizeof(Record) + frame.size());
    uint64_t at = written_.load(std::memory_order_relaxed);
    const uint64_t to_end = size - at % size;
    const uint64_t skipped = needed > to_end ? to_end : 0;
    const uint64_t used = at - read_.load(std::memory_order_acquire);
    if (used + skipped + needed > size) {
        if (record.port < missed_.size()) {
            missed_[record.port].fetch_add(1, std::memory_order_relaxed);
        }
        return;
    }
    if (skipped >= sizeof(Record) / 8) {
        Record filler;
        filler.words = static_cast<uint32_t>(skipped);
        filler.filler = true;
        std::memcpy(&memory_[at % size], &filler, sizeof filler);
    }
    at += skipped;
    Record whole = record;
    whole.words = static_cast<uint32_t>(needed);
    whole.captured = static_cast<uint32_t>(frame.size());
    std::memcpy(&memory_[at % size], &whole, sizeof whole);
    if (!frame.empty()) {
        std::memcpy(&memory_[at % size + sizeof(Record) / 8], frame.data(), frame.size());
    }
    kept_.fetch_add(1, std::memory_order_relaxed);
    written_.store(at + needed, std::memory_order_release);
}

uint64_t CaptureRing::missed() const {
    uint64_t sum = 0;
    for (const auto& count : missed_) {
        sum += count.load(std::memory_order_relaxed);
    }
    return sum;
}

uint64_t CaptureRing::missed_at(PortIndex port) const {
    return port < missed_.size() ? missed_[port].load(std::memory_order_relaxed) : 0;
}

size_t CaptureRing::take(size_t packets, const std::function<void(const CapturedPacket&)>& to) {
    const uint64_t size = memory_.size();
    const uint64_t end = written_.load(std::memory_order_acquire);
    uint64_t at = read_.load(std::memory_order_relaxed);
    size_t taken = 0;
    while (at != end && taken < packets) {
        const uint64_t to_end = size - at % size;
        Record record;
        if (to_end < sizeof record / 8) {  // not even a filler fitted
            at += to_end;
            continue;
        }
        std::memcpy(static_cast<void*>(&record), &memory_[at % size], sizeof record);
        if (!record.filler) {
            const auto* bytes =
                reinterpret_cast<const uint8_t*>(memory_.data() + at % size) + sizeof record;
            to({record.time_us,
                record.port,
                record.fate,
                record.original_length,
                {bytes, record.captured}});
            ++taken;
        }
        at += record.words;
    }
    read_.store(at, std::memory_order_release);
    return taken;
}

std::string capture_comment(const Fate& fate, std::span<const std::string> ports) {
    const auto port = [&] {
        return fate.port < ports.size() ? ports[fate.port] : std::to_string(fate.port);
    };
    switch (fate.kind) {
        case Fate::Kind::forward:
            return "forwarded by " + port();
        case Fate::Kind::punt:
            return "to the kernel";
        case Fate::Kind::consumed:
            return "for vipd itself";
        case Fate::Kind::kept:
            return "waits, and is handled again";
        case Fate::Kind::sent:
            return "sent";
        case Fate::Kind::drop:
            break;
    }
    const auto index = static_cast<size_t>(fate.drop);
    return index < drop_count
               ? fmt::format("dropped: {}: {}", drop_names[index].name, drop_names[index].meaning)
               : "dropped";
}

}  // namespace rehome::vipd
