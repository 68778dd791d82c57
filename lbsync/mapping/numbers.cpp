#include "lbsync/mapping/numbers.h"

#include <algorithm>

#include <fmt/format.h>

namespace rehome::lbsync {

namespace {

tl::unexpected<std::string> no_counterpart(std::string why) {
    return tl::unexpected("object without a counterpart: " + std::move(why));
}

}  // namespace

void Numbers::add(const NumberPair& pair) {
    if (std::find(pairs_.begin(), pairs_.end(), pair) == pairs_.end()) {
        pairs_.push_back(pair);
    }
}

std::vector<uint64_t> Numbers::units() const {
    std::vector<uint64_t> units;
    for (const NumberPair& pair : pairs_) {
        if (pair.from != pair.to &&
            std::find(units.begin(), units.end(), pair.mask) == units.end()) {
            units.push_back(pair.mask);
        }
    }
    return units;
}

bool Numbers::changes(uint64_t mask) const {
    const auto all = units();
    return std::any_of(all.begin(), all.end(),
                       [mask](uint64_t unit) { return (unit & mask) != 0; });
}

Numbers::Number Numbers::image(uint64_t bits, uint64_t unit) const {
    const NumberPair* found = nullptr;
    for (const NumberPair& pair : pairs_) {
        if (pair.mask != unit || pair.from != bits) {
            continue;
        }
        if (found != nullptr) {
            return no_counterpart(fmt::format(
                "{} {:#x}, which becomes both {:#x} and {:#x}: a rule cannot tell which is meant",
                noun_, bits, found->to, pair.to));
        }
        found = &pair;
    }
    const uint64_t image = found == nullptr ? bits : found->to;
    for (const NumberPair& pair : pairs_) {
        if (pair.mask == unit && pair.to == image && pair.from != bits) {
            return no_counterpart(
                found == nullptr
                    ? fmt::format("{} {:#x}, which is what {:#x} becomes: it means something else "
                                  "at the old site",
                                  noun_, bits, pair.from)
                    : fmt::format("{} {:#x}, which becomes {:#x} as {:#x} does: a rule can no "
                                  "longer tell them apart",
                                  noun_, bits, image, pair.from));
        }
    }
    return image;
}

Numbers::Number Numbers::tested(uint64_t value, uint64_t mask) const {
    for (const uint64_t unit : units()) {
        if ((unit & mask) == 0) {
            continue;
        }
        if ((unit & mask) != unit) {
            return no_counterpart(fmt::format(
                "{} under {:#x}, which is a part of the bits {:#x} that change as a whole", noun_,
                mask, unit));
        }
        auto bits = image(value & unit, unit);
        if (!bits) {
            return bits;
        }
        value = (value & ~unit) | *bits;
    }
    return value;
}

tl::expected<void, std::string> Numbers::stays(uint64_t first, uint64_t last, uint64_t mask) const {
    for (const uint64_t unit : units()) {
        if ((unit & mask) == 0) {
            continue;
        }
        const bool holds_all = first == 0 && last >= mask;
        // All of the unit's bits are looked at, and no other one is set in any of the numbers.
        const bool alone = (mask & ~unit) == 0 || ((unit & (unit + 1)) == 0 && last <= unit);
        const auto within = [&](uint64_t bits) { return first <= bits && bits <= last; };
        const bool closed = (unit & ~mask) == 0 && alone &&
                            std::all_of(pairs_.begin(), pairs_.end(), [&](const NumberPair& pair) {
                                return pair.mask != unit || within(pair.from) == within(pair.to);
                            });
        if (!holds_all && !closed) {
            return no_counterpart(
                fmt::format("{} {:#x}-{:#x}, which holds a part of what differs between the sites",
                            noun_, first, last));
        }
    }
    return {};
}

Numbers::Number Numbers::written(uint64_t kept, uint64_t flip) const {
    for (const uint64_t unit : units()) {
        if ((kept & unit) == unit && (flip & unit) == 0) {
            continue;
        }
        if ((kept & unit) != 0) {
            return no_counterpart(
                fmt::format("{}, of whose bits {:#x}, which change as a whole, a part is written",
                            noun_, unit));
        }
        auto bits = image(flip & unit, unit);
        if (!bits) {
            return bits;
        }
        flip = (flip & ~unit) | *bits;
    }
    return flip;
}

}  // namespace rehome::lbsync
