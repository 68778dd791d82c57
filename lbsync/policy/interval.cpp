#include "lbsync/policy/interval.h"

namespace rehome::lbsync {

namespace {

bool bit(const Address& address, unsigned i) {
    return (address.bytes[i / 8] >> (7 - i % 8) & 1) != 0;
}

void set_bit(Address& address, unsigned i, bool to) {
    const auto mask = static_cast<uint8_t>(1u << (7 - i % 8));
    address.bytes[i / 8] =
        static_cast<uint8_t>(to ? address.bytes[i / 8] | mask : address.bytes[i / 8] & ~mask);
}

}  // namespace

Interval Interval::of(const Prefix& prefix) {
    Interval interval{prefix.address, prefix.address};
    for (unsigned i = prefix.length; i < prefix.address.bits(); ++i) {
        set_bit(interval.last, i, true);
    }
    return interval;
}

bool Interval::contains(const Interval& other) const {
    return first.family == other.first.family && first <= other.first && other.last <= last;
}

bool Interval::meets(const Interval& other) const {
    return first.family == other.first.family && first <= other.last && other.first <= last;
}

std::optional<Prefix> Interval::prefix() const {
    unsigned length = 0;
    while (length < first.bits() && bit(first, length) == bit(last, length)) {
        ++length;
    }
    for (unsigned i = length; i < first.bits(); ++i) {
        if (bit(first, i)) {
            return {};  // it begins within one
        }
    }
    Prefix prefix{first, length};
    return first <= last && Interval::of(prefix) == *this ? std::optional(prefix) : std::nullopt;
}

std::string Interval::text() const {
    if (first == last) {
        return first.text();
    }
    const auto whole = prefix();
    return whole ? whole->text() : first.text() + "-" + last.text();
}

std::optional<Address> next(const Address& address) {
    Address result = address;
    for (unsigned i = address.bits(); i-- > 0;) {
        if (!bit(result, i)) {
            set_bit(result, i, true);
            return result;
        }
        set_bit(result, i, false);
    }
    return {};
}

}  // namespace rehome::lbsync
