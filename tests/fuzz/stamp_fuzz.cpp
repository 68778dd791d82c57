// Fuzzes STAMP on both sides (libFuzzer, ASan, UBSan): a reflector with and without a key, and the
// sender that takes what comes.  The input is a list of packets, each behind three bytes: its
// length in units of three bytes, and what to do with it.
//
// Every packet is a heap block that ends where the packet ends, so that a byte read too far is
// seen. What must hold: an answer is as long as its request, or the base packet; it is no request
// to any reflector; it brings back the sender's number and time; and what is told of directions
// adds up.
#include <algorithm>
#include <cstdlib>
#include <memory>

#include "probe/core/directions.h"
#include "probe/core/reflection.h"
#include "probe/core/stamp_extensions.h"
#include "probe/core/udp_flow.h"

namespace rehome::probe {

namespace {

void must(bool holds) {
    if (!holds) {
        std::abort();
    }
}

// A packet in a block of its own.
struct Block {
    explicit Block(ByteView bytes)
        : storage(std::make_unique<uint8_t[]>(bytes.size())), size(bytes.size()) {
        std::copy(bytes.begin(), bytes.end(), storage.get());
    }
    Room room() const { return {storage.get(), size}; }
    std::unique_ptr<uint8_t[]> storage;
    size_t size;
};

class Fuzz {
public:
    explicit Fuzz(StampKey key)
        : key_(std::move(key)),
          reflector_({.port = 862,
                      .most_pps = 1000,
                      .most_pps_a_source = 100,
                      .source_places = 16,
                      .stateful = true,
                      .key = key_,
                      .error_estimate = 1,
                      .secret = 1}),
          flow_({*Address::parse("192.0.2.2"), 862}, 61000, 1, key_, base_size(key_) + 40, 7) {
        for (uint32_t index = 0; index < probes; ++index) {
            std::vector<uint8_t> room(flow_.message_size());
            flow_.construct(index, Nanos{index} * 1'000'000'000 + 1, room);
            sent_.push_back(std::move(room));
        }
    }

    // As it came, or a request of ours with these bytes laid over it.
    void take(ByteView bytes, uint8_t what, uint8_t where) {
        now_ += Nanos{what} * 100'000;
        const Block block(what % 2 == 0 ? bytes : ByteView(laid_over(bytes, what, where)));
        reflect(block, what);
        listen(block.room());
        must(!flow_.index_of_sent(block.room()) || block.size >= flow_.message_size());
    }

    void end() const {
        std::vector<bool> missing(probes, true);
        for (const auto& mirror : mirrors_.ordered()) {
            missing[mirror.index] = false;
        }
        for (const uint32_t index : unreflected(mirrors_, missing)) {
            must(missing.at(index));
            missing[index] = false;
        }
        const Directions told = directions(mirrors_, missing);
        const auto all = std::count(missing.begin(), missing.end(), true);
        must(told.forward.lost + told.backward.lost + told.unknown == all);
        must(told.forward.loss_pct_interval.low <= told.forward.loss_pct_interval.high);
    }

private:
    static constexpr uint32_t probes = 16;

    std::vector<uint8_t> laid_over(ByteView bytes, uint8_t what, uint8_t where) const {
        std::vector<uint8_t> packet = sent_[what / 2 % probes];
        for (size_t i = 0; i < bytes.size() && where + i < packet.size(); ++i) {
            packet[where + i] ^= bytes[i];
        }
        return packet;
    }

    void reflect(const Block& block, uint8_t what) {
        const Received received{.message = block.room(),
                                .from = {*Address::parse("192.0.2.1"), uint16_t(61000 + what % 4)},
                                .to = *Address::parse("192.0.2.2"),
                                .cut = what % 32 == 31,
                                .to_our_address = what % 32 != 29,
                                .ttl = what,
                                .at = now_};
        if (reflector_.decide(received, now_) != Reflection::answered) {
            return;
        }
        const size_t size = reply_size(block.size, key_);
        must(size == std::max(block.size, base_size(key_)));
        const Block answer(std::vector<uint8_t>(size, 0xee));
        must(reflector_.construct(received, now_ + 1000, answer.room()) == size);
        const auto reply = deconstruct_reply(answer.room(), key_);
        const auto request = deconstruct_request(block.room(), key_);
        must(reply && request && reply->request.sequence == request->sequence &&
             reply->request.sent == request->sent && reply->ttl == what);
        if (what % 16 == 7) {
            reflector_.count_send_failure();
        }
        Received back = received;
        back.message = answer.room();
        must(reflector_.decide(back, now_) == Reflection::from_reflector || back.cut);
        listen(answer.room());
    }

    void listen(ByteView message) {
        const auto answer = flow_.deconstruct(message);
        if (answer) {
            must(answer->index < probes && answer->reflector.has_value());
            mirrors_.take(*answer);
        }
    }

    StampKey key_;
    Reflector reflector_;
    UdpFlow flow_;
    std::vector<std::vector<uint8_t>> sent_;
    Mirrors mirrors_;
    Nanos now_ = 1'000'000'000;
};

void fuzz(ByteView rest, StampKey key) {
    Fuzz fuzz(std::move(key));
    while (rest.size() > 3) {
        const size_t length = std::min<size_t>(rest[0] * size_t{3}, rest.size() - 3);
        fuzz.take(rest.subspan(3, length), rest[1], rest[2]);
        rest = rest.subspan(3 + length);
    }
    fuzz.end();
}

}  // namespace

}  // namespace rehome::probe

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    rehome::probe::fuzz({data, size}, {});
    rehome::probe::fuzz({data, size}, rehome::probe::StampKey(32, 0x5a));
    return 0;
}
