#include "vipd/watch/pcapng.h"

#include <algorithm>

namespace rehome::vipd::pcapng {

namespace {

constexpr size_t option_max = 1000;  // bytes of a text; the format's own limit is 65,535

void put16(Bytes& out, uint32_t value) {
    out.push_back(static_cast<uint8_t>(value));
    out.push_back(static_cast<uint8_t>(value >> 8));
}

void put32(Bytes& out, uint32_t value) {
    put16(out, value);
    put16(out, value >> 16);
}

// Bytes, padded to 32 bits.
void put_padded(Bytes& out, std::span<const uint8_t> bytes) {
    out.insert(out.end(), bytes.begin(), bytes.end());
    out.resize((out.size() + 3) & ~size_t{3});
}

void put_option(Bytes& out, uint16_t code, std::span<const uint8_t> value) {
    put16(out, code);
    put16(out, static_cast<uint32_t>(value.size()));
    put_padded(out, value);
}

// Cut between two characters (UTF-8: a byte 10xxxxxx goes on with one).  Empty: no option.
void put_text(Bytes& out, uint16_t code, std::string_view text) {
    size_t size = std::min(text.size(), option_max);
    while (size < text.size() && size > 0 && (text[size] & 0xc0) == 0x80) {
        --size;
    }
    if (size > 0) {
        put_option(out, code, {reinterpret_cast<const uint8_t*>(text.data()), size});
    }
}

void put_number(Bytes& out, uint16_t code, uint64_t value) {
    Bytes bytes;
    put32(bytes, static_cast<uint32_t>(value));
    put32(bytes, static_cast<uint32_t>(value >> 32));
    put_option(out, code, bytes);
}

void end_options(Bytes& out) {
    put32(out, 0);
}

void put_time(Bytes& out, int64_t time_us) {
    const auto time = static_cast<uint64_t>(time_us);
    put32(out, static_cast<uint32_t>(time >> 32));
    put32(out, static_cast<uint32_t>(time));
}

// 3.1: type, total length, body, total length.
Bytes block(uint32_t type, const Bytes& body) {
    Bytes out;
    const auto length = static_cast<uint32_t>(body.size() + 12);
    put32(out, type);
    put32(out, length);
    out.insert(out.end(), body.begin(), body.end());
    put32(out, length);
    return out;
}

}  // namespace

Bytes section(std::string_view application, std::string_view comment) {
    Bytes body;
    put32(body, 0x1a2b3c4d);  // byte-order magic
    put16(body, 1);           // version 1.0
    put16(body, 0);
    put32(body, 0xffffffff);  // section length: not said
    put32(body, 0xffffffff);
    put_text(body, 1, comment);
    put_text(body, 4, application);
    end_options(body);
    return block(0x0a0d0d0a, body);
}

Bytes interface(std::string_view name, uint32_t snap, std::string_view filter) {
    Bytes body;
    put16(body, 1);  // LINKTYPE_ETHERNET
    put16(body, 0);
    put32(body, snap);
    put_text(body, 2, name);
    const uint8_t microseconds = 6;
    put_option(body, 9, {&microseconds, 1});
    if (!filter.empty()) {
        put_text(body, 11, std::string(1, '\0') + std::string(filter));  // 0: libpcap's language
    }
    end_options(body);
    return block(1, body);
}

Bytes packet(const PacketInfo& info, std::span<const uint8_t> frame, std::string_view comment) {
    Bytes body;
    put32(body, info.interface);
    put_time(body, info.time_us);
    put32(body, static_cast<uint32_t>(frame.size()));
    put32(body, info.original_length);
    put_padded(body, frame);
    put_text(body, 1, comment);
    Bytes flags;
    put32(flags, static_cast<uint32_t>(info.direction));  // 4.3.1: bits 0 and 1
    put_option(body, 2, flags);
    end_options(body);
    return block(6, body);
}

Bytes statistics(uint32_t interface, const Statistics& statistics) {
    Bytes body;
    put32(body, interface);
    put_time(body, statistics.time_us);
    put_number(body, 5, statistics.missed);
    end_options(body);
    return block(5, body);
}

}  // namespace rehome::vipd::pcapng
