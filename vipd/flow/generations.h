// Which flows were there before an order that ends flows: each order begins a generation, and a
// flow has the number of the one in which it was born.  Numbers wrap: what is older by more than
// 32,767 orders passes for younger.
//
// Part of a worker's flow table.
#pragma once

#include <cstdint>
#include <optional>

namespace rehome::vipd {

class Generations {
public:
    // Of flows that begin now.
    uint16_t current() const { return current_; }
    // Of flows that were there before, and are seen only now: older than every order that runs.
    uint16_t earlier() const { return static_cast<uint16_t>(oldest_.value_or(current_) - 1); }
    uint16_t begin() { return ++current_; }
    // The oldest one that an order which runs has begun; nothing: none runs.
    void set_oldest(std::optional<uint16_t> generation) { oldest_ = generation; }

    static bool older(uint16_t born, uint16_t than) {
        return static_cast<int16_t>(static_cast<uint16_t>(born - than)) < 0;
    }

private:
    uint16_t current_ = 1;
    std::optional<uint16_t> oldest_;
};

}  // namespace rehome::vipd
