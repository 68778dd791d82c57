#include "lbsync/mapping/mapping.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace rehome::lbsync {

namespace {

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

const std::array<const Interval*, 2> hiding_places{&translated_v4, &mapped_v4};

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

WideNumber number_of(const Address& address) {
    return wide(mapped(address));
}

Address plus(const Address& address, WideNumber by) {
    WideNumber sum = number_of(address) + by;
    std::array<uint8_t, 16> bytes{};
    for (size_t i = bytes.size(); i-- > 0; sum >>= 8) {
        bytes[i] = static_cast<uint8_t>(sum);
    }
    return address.family == Family::v4 ? unmapped(bytes) : Address{Family::v6, bytes};
}

// The address at the same place in another interval of the same size; none: it lies outside.
std::optional<Address> counterpart_in(const Interval& from, const Interval& to,
                                      const Address& address) {
    return from.contains({address, address})
               ? std::optional(plus(to.first, number_of(address) - number_of(from.first)))
               : std::nullopt;
}

Interval common(const Interval& a, const Interval& b) {
    return {std::max(a.first, b.first), std::min(a.last, b.last)};
}

bool lies_in(const Interval& interval, const std::vector<Interval>& places) {
    return std::any_of(places.begin(), places.end(),
                       [&](const Interval& place) { return place.contains(interval); });
}

// All addresses that are known to be a site's.
std::vector<Interval> places_of(const Site& site, const std::map<Address, Address>& counterparts,
                                const std::vector<Prefix>& more) {
    std::vector<Interval> places = intervals(site.networks);
    for (const Line& line : site.lines) {
        places.push_back(Interval::of(line.address.subnet()));
    }
    for (const auto& [to, from] : counterparts) {
        places.push_back({to, to});
    }
    for (const Prefix& prefix : more) {
        places.push_back(Interval::of(prefix));
    }
    return places;
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

void Mapping::add_networks(const std::vector<Prefix>& from, const std::vector<Prefix>& to) {
    for (const Family family : {Family::v4, Family::v6}) {
        const auto old_ones = of_family(from, family);
        const auto new_ones = of_family(to, family);
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
            add_whole(line.address.subnet(), other->address.subnet());
        }
    }
}

void Mapping::add_file(const MapFile& file) {
    moving_.insert(moving_.end(), file.vips.begin(), file.vips.end());
    add_networks(file.old_networks, file.new_networks);
    for (const MapFile::Group& group : file.groups) {
        groups_.push_back(group);
        counterparts_.push_back({{group.from}, {group.to}});
    }
    for (const NumberPair& zone : file.zones) {
        zones_.add(zone);
    }
    for (const MapFile::Mark& mark : file.marks) {
        if (mark.packet) {
            packet_marks_.add(mark.pair);
        }
        if (mark.connection) {
            connection_marks_.add(mark.pair);
        }
    }
}

void Mapping::add_vlans(const Interfaces& interfaces) {
    constexpr uint64_t id = 0xfff;
    for (const auto& [from, to] : interfaces) {
        if (vlan_of(from) != 0 || vlan_of(to) != 0) {
            vlans_.add({vlan_of(from), vlan_of(to), id});
        }
    }
}

Checked<Mapping> Mapping::make(const Inventory& inventory, const Move& move, const Pairs& pairs,
                               const MapFile& file) {
    Mapping mapping;
    std::vector<Error> errors;
    mapping.from_site_ = move.from->name;
    mapping.to_site_ = move.to->name;
    mapping.moving_ = inventory.prefixes;
    mapping.add_networks(move.from->networks, move.to->networks);
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
    const auto site = places_of(*move.to, mapping.sources_, file.new_networks);
    for (const MapFile::Group& group : file.groups) {
        std::string wrong = mapping.against_vips(group);
        if (wrong.empty() && !lies_in(group.to, site)) {
            wrong = fmt::format("{} is no part of site {}, expected addresses of its own",
                                group.to.text(), move.to->name);
        }
        wrong = wrong.empty() ? mapping.against(group) : wrong;
        if (!wrong.empty()) {
            errors.push_back({Exit::usage, group.where, std::move(wrong)});
        }
    }
    mapping.add_file(file);
    if (!errors.empty()) {
        return tl::unexpected(std::move(errors));
    }
    return mapping;
}

Checked<Mapping> Mapping::of(const MapFile& file) {
    Mapping mapping;
    std::vector<Error> errors;
    const auto old_site = intervals(file.old_networks);
    const auto new_site = intervals(file.new_networks);
    for (const MapFile::Group& group : file.groups) {
        if (!old_site.empty() && !lies_in(group.from, old_site)) {
            errors.push_back({Exit::usage, group.where,
                              group.from.text() + " lies in none of the file's old networks"});
        }
        if (!new_site.empty() && !lies_in(group.to, new_site)) {
            errors.push_back({Exit::usage, group.where,
                              group.to.text() + " lies in none of the file's new networks"});
        }
    }
    if (!errors.empty()) {
        return tl::unexpected(std::move(errors));
    }
    mapping.add_file(file);
    return mapping;
}

std::string Mapping::against_vips(const MapFile::Group& group) const {
    for (const Prefix& prefix : moving_) {
        const Interval moving = Interval::of(prefix);
        if (group.from != group.to && (moving.meets(group.from) || moving.meets(group.to))) {
            return fmt::format("{} becomes {}, but VIPs ({}) never change", group.from.text(),
                               group.to.text(), prefix.text());
        }
    }
    return "";
}

// What the group says against the inventory; empty: nothing.
std::string Mapping::against(const MapFile::Group& group) const {
    for (const auto& [from, to] : addresses_) {
        const auto image = counterpart_in(group.from, group.to, from);
        const auto source = counterpart_in(group.to, group.from, to);
        if ((image && *image != to) || (source && *source != from)) {
            return fmt::format("{} becomes {}, but the inventory pairs {} with {}",
                               group.from.text(), group.to.text(), from.text(), to.text());
        }
    }
    for (const auto& [from, to] : wholes_) {
        const bool within = from.contains(group.from) && to.contains(group.to);
        const bool around = group.from.contains(from) && group.to.contains(to) &&
                            counterpart_in(group.from, group.to, from.first) == to.first;
        if ((from.meets(group.from) || to.meets(group.to)) && !within && !around) {
            return fmt::format("{} becomes {}, but by the inventory {} becomes {}",
                               group.from.text(), group.to.text(), from.text(), to.text());
        }
    }
    return "";
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

// Whether what it holds of IPv4's hiding places is what it holds at the other site.
bool Mapping::hidden_stay(const Interval& interval) const {
    return std::all_of(hiding_places.begin(), hiding_places.end(), [&](const Interval* hiding) {
        if (!hiding->meets(interval) || interval.contains(*hiding)) {
            return true;
        }
        const Interval held = hidden(common(*hiding, interval));
        const auto images = map_set(held);
        return images && *images == std::vector{held};
    });
}

// Why a rule cannot tell these addresses, whose image is `to`, from others; empty: it can.
std::string Mapping::not_one_to_one(const Interval& from, const Interval& to) const {
    for (const MapFile::Group& group : groups_) {
        const Interval held = common(group.from, from);
        const bool elsewhere =
            group.from.meets(from) && counterpart_in(group.from, group.to, held.first) !=
                                          counterpart_in(from, to, held.first);
        if (elsewhere) {
            return fmt::format("{} becomes both {} and {}: a rule cannot tell which is meant",
                               from.text(), to.text(), group.to.text());
        }
        const Interval met = common(group.to, to);
        if (group.to.meets(to) && counterpart_in(group.to, group.from, met.first) !=
                                      counterpart_in(to, from, met.first)) {
            return fmt::format(
                "{} becomes {} as a part of {} does: a rule can no longer tell them apart",
                from.text(), to.text(), group.from.text());
        }
    }
    return "";
}

// What maps and begins at this address, as far as it lies before `last`: a whole network, a part of
// a group, or a single address, with its image.
std::optional<std::pair<Interval, Interval>> Mapping::unit_at(const Address& at,
                                                              const Address& last) const {
    for (auto whole = wholes_.lower_bound({at, at});
         whole != wholes_.end() && whole->first.first == at; ++whole) {
        if (whole->first.last <= last) {
            return *whole;
        }
    }
    for (const MapFile::Group& group : groups_) {
        if (group.from.contains({at, at})) {
            const Interval part{at, std::min(last, group.from.last)};
            return std::pair(part, Interval{*counterpart_in(group.from, group.to, part.first),
                                            *counterpart_in(group.from, group.to, part.last)});
        }
    }
    const auto single = addresses_.find(at);
    return single == addresses_.end()
               ? std::nullopt
               : std::optional(
                     std::pair(Interval{at, at}, Interval{single->second, single->second}));
}

// The images of an interval that consists of what maps; nothing: it does not.  Only what maps is
// walked over, so the walk is as short as what is told of the sites.
tl::expected<std::optional<std::vector<Interval>>, std::string> Mapping::by_units(
    const Interval& interval) const {
    std::vector<Interval> images;
    for (std::optional<Address> at = interval.first; at && *at <= interval.last;) {
        const auto unit = unit_at(*at, interval.last);
        if (!unit) {
            return std::nullopt;
        }
        const auto& [from, to] = *unit;
        // Groups within a network are checked when they are added.
        std::string why = wholes_.contains(from) ? "" : not_one_to_one(from, to);
        if (!why.empty()) {
            return tl::unexpected("object without a counterpart: " + why);
        }
        const bool joins = !images.empty() && next(images.back().last) == to.first;
        (joins ? images.back().last : images.emplace_back(to).last) = to.last;
        at = next(from.last);
    }
    return images;
}

std::string Mapping::refusal(const Interval& interval) const {
    const bool old_part =
        std::any_of(counterparts_.begin(), counterparts_.end(),
                    [&](const auto& both) { return share(interval, both.from) != Share::none; });
    if (interval.first == interval.last || !old_part) {
        return fmt::format("object without a counterpart: {} {}", interval.text(),
                           old_part ? "belongs to site " + from_site_ +
                                          ", expected an address that the inventory or a mapping "
                                          "file pairs with one of site " +
                                          to_site_
                                    : "belongs to site " + to_site_ +
                                          " already, expected an address of site " + from_site_);
    }
    return fmt::format(
        "object without a counterpart: {} holds a part of what differs between the sites {} and "
        "{}, expected all of it, none of it, or exactly one of its networks",
        interval.text(), from_site_, to_site_);
}

tl::expected<std::vector<Interval>, std::string> Mapping::map_set(const Interval& interval) const {
    for (const Interval* const hiding : hiding_places) {
        if (hiding->contains(interval)) {
            return map_set(hidden(interval)).map([&](std::vector<Interval> images) {
                for (Interval& image : images) {
                    image = {hidden_as(image.first, interval.first),
                             hidden_as(image.last, interval.last)};
                }
                return images;
            });
        }
    }
    auto images = by_units(interval);
    if (!images) {
        return tl::unexpected(std::move(images.error()));
    }
    if (*images) {
        return std::move(**images);
    }
    if (moves(interval) || (stays_closed(interval) && hidden_stay(interval))) {
        return std::vector{interval};
    }
    return tl::unexpected(refusal(interval));
}

tl::expected<Interval, std::string> Mapping::map(const Interval& interval) const {
    const auto images = map_set(interval);
    if (!images) {
        return tl::unexpected(images.error());
    }
    if (images->size() != 1) {
        return tl::unexpected(fmt::format(
            "object without a counterpart: {}, whose counterparts are no range", interval.text()));
    }
    return images->front();
}

std::string Mapping::moves_hosts(const Interval& among, unsigned length) const {
    const unsigned bits = among.first.family == Family::v4 ? 32 : 128;
    const WideNumber hosts = length == 0 ? ~WideNumber{0} : (WideNumber{1} << (bits - length)) - 1;
    const auto moved = [&](const Interval& from, const Interval& to) {
        return from.meets(among) && ((number_of(from.first) ^ number_of(to.first)) & hosts) != 0;
    };
    const auto say = [&](const Interval& from, const Interval& to) {
        return fmt::format("{} becomes {}, which has another place within a prefix of length {}",
                           from.text(), to.text(), length);
    };
    for (const auto& [from, to] : addresses_) {
        if (moved({from, from}, {to, to})) {
            return say({from, from}, {to, to});
        }
    }
    for (const auto& [from, to] : wholes_) {
        if (moved(from, to)) {
            return say(from, to);
        }
    }
    for (const MapFile::Group& group : groups_) {
        if (moved(group.from, group.to)) {
            return say(group.from, group.to);
        }
    }
    return "";
}

bool Mapping::changes(Family family) const {
    const auto of_it = [family](const Interval& it) {
        return family == Family::v6 || it.first.family == family;
    };
    return std::any_of(counterparts_.begin(), counterparts_.end(), [&](const Counterparts& both) {
        return both.from != both.to && (std::any_of(both.from.begin(), both.from.end(), of_it) ||
                                        std::any_of(both.to.begin(), both.to.end(), of_it));
    });
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
    if (const auto found = addresses_.find(address); found != addresses_.end()) {
        return found->second;
    }
    for (const MapFile::Group& group : groups_) {
        const auto image = counterpart_in(group.from, group.to, address);
        if (image && not_one_to_one({address, address}, {*image, *image}).empty()) {
            return image;
        }
    }
    return {};
}

Interfaces interfaces_of(const HostPair& pair, const MapFile& file, std::vector<Error>& errors) {
    Interfaces interfaces = pair.interfaces;
    for (const MapFile::Port& port : file.ports) {
        if (!port.host.empty() && port.host != pair.from && port.host != pair.to) {
            continue;
        }
        const auto against =
            std::find_if(pair.interfaces.begin(), pair.interfaces.end(), [&](const auto& known) {
                return (known.first == port.from) != (known.second == port.to);
            });
        if (against != pair.interfaces.end()) {
            errors.push_back(
                {Exit::usage, port.where,
                 fmt::format("{} becomes {}, but by the inventory {} of {} becomes {}", port.from,
                             port.to, against->first, pair.from, against->second)});
        }
        add_once(interfaces, port.from, port.to);
    }
    return interfaces;
}

}  // namespace rehome::lbsync
