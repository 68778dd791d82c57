#include "lbsync/plan/mapping.h"

#include <algorithm>

#include <fmt/format.h>

namespace rehome::lbsync {

namespace {

Prefix subnet(const InterfaceAddress& address) {
    Prefix prefix{address.address, address.length};
    for (unsigned i = address.length; i < prefix.address.bits(); ++i) {
        auto& byte = prefix.address.bytes[i / 8];
        byte = static_cast<uint8_t>(byte & ~(1u << (7 - i % 8)));
    }
    return prefix;
}

std::vector<Prefix> of_family(const std::vector<Prefix>& prefixes, Family family) {
    std::vector<Prefix> result;
    std::copy_if(prefixes.begin(), prefixes.end(), std::back_inserter(result),
                 [family](const Prefix& prefix) { return prefix.address.family == family; });
    return result;
}

std::vector<Interval> intervals(const std::vector<Prefix>& prefixes) {
    std::vector<Interval> result;
    std::transform(prefixes.begin(), prefixes.end(), std::back_inserter(result), Interval::of);
    return result;
}

// Where IPv4 addresses stand in the last 32 bits of others: NAT64's well-known prefix (RFC 6052
// 2.1), and IPv4-mapped ones (RFC 4291 2.5.5.2).
const Interval translated_v4 = Interval::of(Prefix::parse("64:ff9b::/96").value());
const Interval mapped_v4 = Interval::of(Prefix::parse("::ffff:0:0/96").value());

Address hidden(const Address& address) {
    Address v4;
    std::copy_n(address.bytes.begin() + 12, 4, v4.bytes.begin());
    return v4;
}

Interval hidden(const Interval& interval) {
    return {hidden(interval.first), hidden(interval.last)};
}

// like: an address of the same hiding place.
Address hidden_as(const Address& v4, Address like) {
    std::copy_n(v4.bytes.begin(), 4, like.bytes.begin() + 12);
    return like;
}

// How much of a set of addresses an interval holds.
enum class Share { none, some, all };

Share share(const Interval& interval, const std::vector<Interval>& of) {
    const auto met = [&](const Interval& other) { return interval.meets(other); };
    const auto held = [&](const Interval& other) { return interval.contains(other); };
    if (std::none_of(of.begin(), of.end(), met)) {
        return Share::none;
    }
    return std::all_of(of.begin(), of.end(), held) ? Share::all : Share::some;
}

}  // namespace

void Mapping::add_address(const Address& from, const Address& to, std::vector<Error>& errors) {
    const auto there = addresses_.emplace(from, to).first->second;
    const auto back = sources_.emplace(to, from).first->second;
    if (there != to) {
        errors.push_back({Exit::usage, "inventory",
                          fmt::format("{} has two counterparts, {} and {}, expected one",
                                      from.text(), there.text(), to.text())});
    } else if (back != from) {
        errors.push_back({Exit::usage, "inventory",
                          fmt::format("{} and {} have the same counterpart {}, expected two",
                                      back.text(), from.text(), to.text())});
    }
    counterparts_.push_back({{{from, from}}, {{to, to}}});
}

void Mapping::add_whole(const Prefix& from, const Prefix& to) {
    wholes_.emplace(Interval::of(from), Interval::of(to));
    counterparts_.push_back({{Interval::of(from)}, {Interval::of(to)}});
}

void Mapping::add_networks(const Site& from, const Site& to) {
    for (const Family family : {Family::v4, Family::v6}) {
        const auto old_ones = of_family(from.networks, family);
        const auto new_ones = of_family(to.networks, family);
        counterparts_.push_back({intervals(old_ones), intervals(new_ones)});
        if (old_ones.size() == 1 && new_ones.size() == 1) {
            add_whole(old_ones[0], new_ones[0]);
        }
    }
}

void Mapping::add_lines(const GatewayPair& pair, const Move& move, std::vector<Error>& errors) {
    for (const Line& line : move.from->lines) {
        const Line* other =
            line.gateway == pair.from->name ? counterpart(line, pair, *move.to) : nullptr;
        if (other != nullptr) {
            add_address(line.address.address, other->address.address, errors);
            add_address(line.peer, other->peer, errors);
            add_whole(subnet(line.address), subnet(other->address));
        }
    }
}

Checked<Mapping> Mapping::make(const Inventory& inventory, const Move& move, const Pairs& pairs) {
    Mapping mapping;
    std::vector<Error> errors;
    mapping.from_site_ = move.from->name;
    mapping.to_site_ = move.to->name;
    mapping.moving_ = inventory.prefixes;
    mapping.add_networks(*move.from, *move.to);
    for (const Service& service : inventory.services) {
        for (const Server& server : service.servers) {
            mapping.add_address(move.old_place(server).address, move.new_place(server).address,
                                errors);
        }
    }
    for (const GatewayPair& pair : pairs.gateways) {
        mapping.add_address(pair.from->tunnel->address, pair.to->tunnel->address, errors);
        mapping.add_address(pair.to->tunnel->address, pair.from->tunnel->address, errors);
        mapping.add_lines(pair, move, errors);
    }
    if (!errors.empty()) {
        return tl::unexpected(std::move(errors));
    }
    return mapping;
}

bool Mapping::moves(const Interval& interval) const {
    return std::any_of(moving_.begin(), moving_.end(), [&](const Prefix& prefix) {
        return Interval::of(prefix).contains(interval);
    });
}

bool Mapping::stays_closed(const Interval& interval) const {
    return std::all_of(counterparts_.begin(), counterparts_.end(), [&](const auto& both) {
        const Share from = share(interval, both.from);
        return from != Share::some && from == share(interval, both.to);
    });
}

bool Mapping::one_by_one(const Interval& interval, Interval& image) const {
    std::optional<Address> at = interval.first;
    std::optional<Address> expected;
    for (; at && *at <= interval.last; at = next(*at)) {
        const auto found = addresses_.find(*at);
        if (found == addresses_.end() || (expected && found->second != *expected)) {
            return false;
        }
        image.first = expected ? image.first : found->second;
        image.last = found->second;
        expected = next(found->second);
        if (!expected) {
            return *at == interval.last;
        }
    }
    return true;
}

tl::expected<Interval, std::string> Mapping::map(const Interval& interval) const {
    for (const Interval& hiding : {translated_v4, mapped_v4}) {
        if (hiding.contains(interval)) {
            return map(hidden(interval)).map([&](const Interval& image) {
                return Interval{hidden_as(image.first, interval.first),
                                hidden_as(image.last, interval.last)};
            });
        }
    }
    if (const auto whole = wholes_.find(interval); whole != wholes_.end()) {
        return whole->second;
    }
    // Only mapped addresses are walked over, so the walk is as short as the inventory.
    Interval image = interval;
    if (one_by_one(interval, image)) {
        return image;
    }
    if (moves(interval) || stays_closed(interval)) {
        return interval;
    }
    const bool old_part =
        std::any_of(counterparts_.begin(), counterparts_.end(),
                    [&](const auto& both) { return share(interval, both.from) != Share::none; });
    if (interval.first == interval.last || !old_part) {
        return tl::unexpected(fmt::format("object without a counterpart: {} {}", interval.text(),
                                          old_part ? "belongs to site " + from_site_ +
                                                         ", expected an address that the inventory "
                                                         "pairs with one of site " +
                                                         to_site_
                                                   : "belongs to site " + to_site_ +
                                                         " already, expected an address of site " +
                                                         from_site_));
    }
    return tl::unexpected(fmt::format(
        "object without a counterpart: {} holds a part of what differs between the sites {} and "
        "{}, expected all of it, none of it, or exactly one of its networks",
        interval.text(), from_site_, to_site_));
}

tl::expected<Prefix, std::string> Mapping::map_hosts(const Prefix& prefix) const {
    const Interval interval = Interval::of(prefix);
    const auto image = map(interval);
    if (!image) {
        return tl::unexpected(image.error());
    }
    const auto result = image->prefix();
    if (*image == interval || !result || result->length != prefix.length) {
        return tl::unexpected(fmt::format(
            "object without a counterpart: {}, expected a prefix for which the inventory gives one "
            "of the same length at site {}",
            prefix.text(), to_site_));
    }
    for (auto pair = addresses_.lower_bound(interval.first);
         pair != addresses_.end() && pair->first <= interval.last; ++pair) {
        Address expected = pair->first;
        for (unsigned bit = 0; bit < result->length; ++bit) {
            const auto mask = static_cast<uint8_t>(0x80U >> (bit % 8));
            uint8_t& byte = expected.bytes[bit / 8];
            byte = static_cast<uint8_t>((byte & ~mask) | (result->address.bytes[bit / 8] & mask));
        }
        if (pair->second != expected) {
            return tl::unexpected(fmt::format(
                "object without a counterpart: {} becomes {} as a whole, but the inventory pairs "
                "{} with {}, expected {}",
                prefix.text(), result->text(), pair->first.text(), pair->second.text(),
                expected.text()));
        }
    }
    return *result;
}

std::optional<Address> Mapping::paired(const Address& address) const {
    const auto found = addresses_.find(address);
    return found == addresses_.end() ? std::nullopt : std::optional(found->second);
}

namespace {

tl::unexpected<std::string> no_counterpart(const std::string& name, const std::string& why) {
    return tl::unexpected(fmt::format("object without a counterpart: interface {}, {}", name, why));
}

// The port of "PORT.7", a VLAN's interface; empty: it is none.
std::string port_of(const std::string& name) {
    const size_t dot = name.rfind('.');
    const bool vlan = dot != std::string::npos && dot + 1 < name.size() &&
                      name.find_first_not_of("0123456789", dot + 1) == std::string::npos;
    return vlan ? name.substr(0, dot) : "";
}

// The one counterpart of a name that has some, if it is the counterpart of nothing else but a
// VLAN's own port.
tl::expected<std::string, std::string> only_counterpart(const Interfaces& interfaces,
                                                        const std::string& name) {
    const auto [begin, end] = interfaces.equal_range(name);
    const std::string& image = begin->second;
    if (std::next(begin) != end) {
        return no_counterpart(name, fmt::format("which becomes both {} and {}: a rule cannot tell "
                                                "which is meant",
                                                image, std::next(begin)->second));
    }
    for (const auto& [from, to] : interfaces) {
        if (to == image && from != name && from != port_of(name)) {
            return no_counterpart(
                name, fmt::format("which becomes {} as {} does: a rule can no longer tell them "
                                  "apart",
                                  image, from));
        }
    }
    return image;
}

}  // namespace

tl::expected<std::string, std::string> map_interface(const Interfaces& interfaces,
                                                     const std::string& name) {
    if (interfaces.contains(name)) {
        return only_counterpart(interfaces, name);
    }
    if (const std::string port = port_of(name); interfaces.contains(port)) {
        return only_counterpart(interfaces, port).map([&](const std::string& image) {
            return image + name.substr(port.size());
        });
    }
    const bool wildcard = name.ends_with('*') && !name.ends_with("\\*");
    const std::string_view start = std::string_view(name).substr(0, name.size() - wildcard);
    for (const auto& [from, to] : interfaces) {
        const bool renamed = from != to;
        if (renamed && ((wildcard && (from.starts_with(start) != to.starts_with(start))) ||
                        (!wildcard && (to == name || to == port_of(name))))) {
            return no_counterpart(name, fmt::format("where port {} becomes {}", from, to));
        }
    }
    return name;
}

}  // namespace rehome::lbsync
