// The first of the two steps of an order to all gateways: what it says is held ready, by its
// digest, until it is said that it is in force.  Who says so is vipctl; what is held and never said
// is forgotten after a while, so that nobody waits for one who died.
//
// The control thread's own.
#pragma once

#include <fmt/format.h>

#include <optional>
#include <string>

#include "common/error.h"
#include "vipd/packet/micros.h"

namespace rehome::vipd {

inline std::string digest_text(uint64_t digest) {
    return fmt::format("{:016x}", digest);
}

template <typename What>
class HeldReady {
public:
    static constexpr Micros kept = 30'000'000;

    // An error while somebody else's is held.
    Result<> is_free(Micros now) const {
        return held_ && now < held_->until
                   ? fail(Exit::no, "",
                          fmt::format("uid {} gives such an order too, expected an end within {} s",
                                      held_->uid, kept / 1'000'000))
                   : Result<>();
    }
    void hold(What what, uint64_t digest, uint32_t uid, Micros now) {
        held_ = Held{std::move(what), digest_text(digest), uid, now + kept};
    }
    // Null: it is not held.
    const What* find(const std::string& digest) const {
        return held_ && held_->digest == digest ? &held_->what : nullptr;
    }
    // Other ones stay.
    void drop(const std::string& digest) {
        if (find(digest) != nullptr) {
            held_.reset();
        }
    }

private:
    struct Held {
        What what;
        std::string digest;
        uint32_t uid;  // who waits
        Micros until;
    };
    std::optional<Held> held_;
};

}  // namespace rehome::vipd
