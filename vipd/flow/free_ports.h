// Which of so many ports are free, of which the first from a random one on is picked; and who of
// those that hold one has waited longest.
//
// Of ports that are mostly free nothing is kept but how many are taken: whoever picks one asks
// elsewhere whether it is.  From a quarter on there is a bit for each port, so that a free one is
// found in one short search however few there are; the bits take half a byte a flow at most.
#pragma once

#include <bit>
#include <cstdint>
#include <optional>
#include <vector>

namespace rehome::vipd {

class FreePorts {
public:
    explicit FreePorts(uint32_t ports = 0) : ports_(ports) {}

    uint32_t taken() const { return taken_; }
    bool full() const { return taken_ == ports_; }

    // A free port, below the number of ports, which is taken now; nothing: there is none.
    // random(n): a number below n.  is_free(port): asked while there are no bits.
    template <typename Random, typename IsFree>
    std::optional<uint32_t> take(Random random, IsFree is_free) {
        if (full()) {
            return std::nullopt;
        }
        if (bits_.empty() && taken_ >= dense()) {
            set_bits(is_free);
        }
        const uint32_t from = random(ports_);
        const uint32_t port = bits_.empty() ? ask(from, is_free) : search(from);
        hold(port);
        return port;
    }
    // The port, which is free, is taken.
    void hold(uint32_t port) {
        ++taken_;
        if (!bits_.empty()) {
            bits_[port / 64] |= uint64_t{1} << port % 64;
        }
    }
    void give_back(uint32_t port) {
        --taken_;
        if (!bits_.empty()) {
            bits_[port / 64] &= ~(uint64_t{1} << port % 64);
        }
        if (taken_ < dense() / 4) {
            bits_ = {};
        }
    }
    // The same ports with bits, for a copy that has nobody else to ask.
    template <typename IsFree>
    FreePorts with_bits(IsFree is_free) const {
        FreePorts copy = *this;
        if (copy.bits_.empty()) {
            copy.set_bits(is_free);
        }
        return copy;
    }

private:
    uint32_t dense() const { return ports_ / 4; }

    template <typename IsFree>
    void set_bits(IsFree is_free) {
        bits_.assign((ports_ + 63) / 64, 0);
        for (uint32_t port = 0; port < bits_.size() * 64; ++port) {
            const bool free = port < ports_ && is_free(port);
            bits_[port / 64] |= uint64_t{free ? 0U : 1U} << port % 64;
        }
    }
    // The first that is free from there on, round and round; there is one.
    template <typename IsFree>
    uint32_t ask(uint32_t from, IsFree is_free) const {
        uint32_t port = from;
        while (!is_free(port)) {
            port = port + 1 < ports_ ? port + 1 : 0;
        }
        return port;
    }
    uint32_t search(uint32_t from) const {
        const size_t words = bits_.size();
        const uint64_t before = (uint64_t{1} << from % 64) - 1;
        size_t word = from / 64;
        uint64_t free = ~bits_[word] & ~before;
        while (free == 0) {
            word = word + 1 < words ? word + 1 : 0;
            free = ~bits_[word];
        }
        return static_cast<uint32_t>(word * 64) + static_cast<uint32_t>(std::countr_zero(free));
    }

    uint32_t ports_;
    uint32_t taken_ = 0;
    std::vector<uint64_t> bits_;
};

// Who came first.  Those that wait no more are left in until they are at the front, or are most.
class AgeQueue {
public:
    struct Waiting {
        uint32_t id;
        uint16_t port;
    };

    // waiting: how many really do.  waits(one): whether it does.
    template <typename Waits>
    void add(const Waiting& one, uint32_t waiting, Waits waits) {
        constexpr size_t spare = 64;
        if (all_.size() > 2 * size_t{waiting} + spare) {
            all_.erase(all_.begin(), all_.begin() + static_cast<std::ptrdiff_t>(front_));
            front_ = 0;
            std::erase_if(all_, [&](const Waiting& of) { return !waits(of); });
        }
        all_.push_back(one);
    }
    // The first that waits, which is taken out.
    template <typename Waits>
    std::optional<Waiting> take(Waits waits) {
        while (front_ < all_.size()) {
            const Waiting first = all_[front_++];
            if (waits(first)) {
                return first;
            }
        }
        return std::nullopt;
    }

private:
    std::vector<Waiting> all_;
    size_t front_ = 0;
};

}  // namespace rehome::vipd
