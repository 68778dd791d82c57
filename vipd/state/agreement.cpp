#include "vipd/state/agreement.h"

#include <algorithm>
#include <limits>
#include <random>

#include "vipd/packet/bytes.h"

namespace rehome::vipd {

namespace {

constexpr uint8_t version = 1;
constexpr size_t signed_bytes = 20;
constexpr size_t handshake_bytes = signed_bytes + 8;

}  // namespace

std::vector<uint8_t> encode(const Handshake& handshake, const SipKey& key) {
    std::vector<uint8_t> out(handshake_bytes);
    out[0] = version;
    out[1] = handshake.key_id;
    out[2] = handshake.ready ? 1 : 0;
    store64(&out[4], handshake.own);
    store64(&out[12], handshake.theirs);
    store64(&out[signed_bytes], siphash(key, std::span(out).first(signed_bytes)));
    return out;
}

std::optional<Handshake> decode_handshake(std::span<const uint8_t> bytes) {
    if (bytes.size() != handshake_bytes || bytes[0] != version || bytes[2] > 1 || bytes[3] != 0 ||
        load64(&bytes[4]) == 0) {
        return std::nullopt;
    }
    return Handshake{bytes[1], bytes[2] == 1, load64(&bytes[4]), load64(&bytes[12])};
}

bool is_signed(std::span<const uint8_t> handshake, const SipKey& key) {
    return handshake.size() == handshake_bytes &&
           load64(&handshake[signed_bytes]) == siphash(key, handshake.first(signed_bytes));
}

uint64_t random_nonce() {
    std::random_device device;
    uint64_t nonce = 0;
    while (nonce == 0) {
        nonce = uint64_t{device()} << 32 | device();
    }
    return nonce;
}

bool Agreement::begin(const Draw& draw) {
    if (current_ || drawn_ != 0) {
        return false;
    }
    drawn_ = draw();
    return true;
}

bool Agreement::agree(const Handshake& handshake, Micros now) {
    previous_ = current_;
    current_ = KeyEpoch{drawn_, handshake.own};
    heard_ = handshake.own;
    drawn_ = 0;
    agreed_at_ = now;
    signs_by_ = handshake.ready ? current_ : signs_by_;
    return true;
}

bool Agreement::hear(const Handshake& handshake, const Draw& draw, Micros now) {
    if (drawn_ != 0 && handshake.theirs == drawn_) {
        return agree(handshake, now);
    }
    if (current_ && current_ == KeyEpoch{handshake.theirs, handshake.own}) {
        const bool changes = handshake.ready && signs_by_ != current_;
        signs_by_ = handshake.ready ? current_ : signs_by_;
        return changes;
    }
    if (current_ && now - agreed_at_ < settles) {
        return false;  // said before it knew, most likely
    }
    const bool changes = drawn_ == 0 || heard_ != handshake.own;
    drawn_ = drawn_ == 0 ? draw() : drawn_;
    heard_ = handshake.own;
    return changes;
}

bool Agreement::acts_on(const std::optional<KeyEpoch>& epoch) {
    const bool changes = acted_on_ != epoch;
    acted_on_ = epoch;
    return changes;
}

bool Agreement::pass(const Draw& draw, Micros now) {
    bool changes = false;
    if (previous_ && now - agreed_at_ >= overlap) {
        previous_.reset();
        changes = true;
    }
    if (current_ && drawn_ == 0 && now - agreed_at_ >= lasts) {
        drawn_ = draw();
        changes = true;
    }
    return changes;
}

bool Agreement::end() {
    const bool changes = current_ || previous_ || signs_by_ || heard();
    current_.reset();
    previous_.reset();
    signs_by_.reset();
    heard_ = 0;
    return changes;
}

Micros Agreement::next_event() const {
    if (!current_) {
        return std::numeric_limits<Micros>::max();
    }
    const Micros renewed = drawn_ == 0 ? agreed_at_ + lasts : std::numeric_limits<Micros>::max();
    return previous_ ? std::min(agreed_at_ + overlap, renewed) : renewed;
}

Handshake Agreement::says(uint8_t key_id) const {
    if (drawn_ != 0 || !current_) {
        return {key_id, false, drawn_, heard_};
    }
    return {key_id, acted_on_ == current_, current_->own, current_->theirs};
}

}  // namespace rehome::vipd
