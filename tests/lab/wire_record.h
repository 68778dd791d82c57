// What a wire notes of each packet: 40 bytes, written in blocks, printed by `wire log`.
//
// The file is a sequence of Records in this host's byte order.  It is bounded: when it has
// limit_bytes it is renamed to FILE.1 (over the one before) and begun anew.  Not thread-safe.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "common/address.h"
#include "common/clock.h"
#include "common/error.h"
#include "common/fd.h"
#include "tests/lab/wire_impair.h"

namespace rehome::lab {

struct Record {
    int64_t time_us = 0;  // wall clock, when the packet came in
    uint32_t source = 0;  // IPv4, host order; 0 when it is no IPv4
    uint32_t destination = 0;
    uint32_t sequence = 0;  // TCP
    uint32_t hold_us = 0;   // from coming in to the planned release
    uint16_t source_port = 0;
    uint16_t destination_port = 0;
    uint16_t ip_id = 0;
    uint16_t length = 0;  // of the frame
    uint8_t protocol = 0;
    uint8_t tcp_flags = 0;
    uint8_t direction = 0;  // index into direction_names
    uint8_t lost = 0;       // a Cause
    uint8_t duplicated = 0;
    uint8_t reordered = 0;
    uint16_t reserved = 0;
};
static_assert(sizeof(Record) == 40);

inline uint16_t be16(std::span<const uint8_t> bytes, size_t at) {
    return static_cast<uint16_t>(bytes[at] << 8 | bytes[at + 1]);
}

inline uint32_t be32(std::span<const uint8_t> bytes, size_t at) {
    return static_cast<uint32_t>(be16(bytes, at)) << 16 | be16(bytes, at + 2);
}

inline bool is_ipv4(std::span<const uint8_t> frame) {
    return frame.size() >= 34 && be16(frame, 12) == 0x0800 && frame[14] >> 4 == 4;
}

// The frame's fields; what a short or other frame does not have stays 0.
inline Record describe(std::span<const uint8_t> frame) {
    Record record;
    record.length = static_cast<uint16_t>(frame.size());
    if (!is_ipv4(frame)) {
        return record;
    }
    record.ip_id = be16(frame, 18);
    record.protocol = frame[23];
    record.source = be32(frame, 26);
    record.destination = be32(frame, 30);
    const bool first_fragment = (be16(frame, 20) & 0x1fff) == 0;
    const size_t transport = 14 + (frame[14] & 0xfu) * 4;
    const bool ports = record.protocol == IPPROTO_TCP || record.protocol == IPPROTO_UDP;
    if (ports && first_fragment && frame.size() >= transport + 8) {
        record.source_port = be16(frame, transport);
        record.destination_port = be16(frame, transport + 2);
        if (record.protocol == IPPROTO_TCP && frame.size() >= transport + 20) {
            record.sequence = be32(frame, transport + 4);
            record.tcp_flags = frame[transport + 13];
        }
    }
    return record;
}

// The same for all packets of a flow in one direction; a multiplicative hash (Knuth) spreads it.
inline uint32_t flow_of(const Record& record) {
    const uint32_t ports =
        static_cast<uint32_t>(record.source_port) << 16 | record.destination_port;
    return ((record.source * 31 + record.destination) * 31 + ports) * 2654435761u >> 16;
}

inline std::string text(const Record& record) {
    static constexpr const char* causes[] = {"passed", "lost", "lost in a burst", "overflow"};
    return fmt::format(
        "{} {:4} {}:{} > {}:{} proto {} id {} seq {} flags {:02x} {} B: {}{}{} {} us",
        iso8601(record.time_us), direction_names[record.direction & 1],
        Address::v4(record.source).text(), record.source_port,
        Address::v4(record.destination).text(), record.destination_port, record.protocol,
        record.ip_id, record.sequence, record.tcp_flags, record.length, causes[record.lost & 3],
        record.duplicated ? ", duplicated" : "", record.reordered ? ", reordered" : "",
        record.hold_us);
}

class RecordFile {
public:
    RecordFile(std::string path, size_t limit_bytes)
        : path_(std::move(path)), limit_bytes_(limit_bytes) {}

    Result<> open() {
        file_ = Fd(::open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
        written_ = 0;
        return file_ ? Result<>{} : fail(Exit::world, path_, std::strerror(errno));
    }

    void add(const Record& record) { waiting_.push_back(record); }
    bool full() const { return waiting_.size() >= 2048; }

    // Writes what waits; to be called when full, from time to time, and at the end.
    Result<> flush() {
        const auto bytes = std::as_bytes(std::span(waiting_));
        if (bytes.empty()) {
            return {};
        }
        if (::write(file_.get(), bytes.data(), bytes.size()) != std::ssize(bytes)) {
            return fail(Exit::world, path_, std::strerror(errno));
        }
        written_ += bytes.size();
        waiting_.clear();
        if (written_ < limit_bytes_) {
            return {};
        }
        if (std::rename(path_.c_str(), (path_ + ".1").c_str()) != 0) {
            return fail(Exit::world, path_, std::strerror(errno));
        }
        return open();
    }

private:
    std::string path_;
    size_t limit_bytes_;
    size_t written_ = 0;
    Fd file_;
    std::vector<Record> waiting_;
};

}  // namespace rehome::lab
