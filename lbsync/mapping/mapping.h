// Where the addresses and numbers of the old site are found at the new one: the one place of this
// rule.
//
// - A server's address, a gateway's line address and the carrier's router behind it, and a tunnel
//   end have a counterpart; tunnel ends swap, since each side names the other's.
// - The addresses of a mapping file's group have their counterparts in order.
// - A site's only network of a family, and a line's subnet, map onto the other's as a whole.
// - Addresses in the prefixes that move, and foreign ones (clients), stay as they are.
// - Any other address of the old site has no counterpart, and one of the new site means something
//   else at the old one: both are refused.
// - IPv4 addresses in NAT64's well-known prefix, and IPv4-mapped ones, map as what they hold.
// - A range is carried if it stays the same set of hosts: it holds all or nothing of what maps, and
//   of what that maps onto, or consists of what maps, and the counterparts are a range too.
// - Marks, conntrack zones and VLANs are numbers (numbers.h).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "common/error.h"
#include "common/inventory.h"
#include "lbsync/mapping/map_file.h"
#include "lbsync/mapping/numbers.h"
#include "lbsync/plan/pairs.h"
#include "lbsync/policy/interval.h"

namespace rehome::lbsync {

class Mapping {
public:
    // Errors: two counterparts for one address, one counterpart for two; what a file says of VIPs,
    // of what lies outside of the new site, and against the inventory.  Of the file: in the
    // direction of the move.
    static Checked<Mapping> make(const Inventory& inventory, const Move& move, const Pairs& pairs,
                                 const MapFile& file = {});

    // By a file alone.  Errors: what lies outside of the networks that it names.
    static Checked<Mapping> of(const MapFile& file);

    // What is refused, in words: "object without a counterpart: ...".
    tl::expected<Interval, std::string> map(const Interval& interval) const;

    // The same for a place that holds a set of addresses: its images may be several.
    tl::expected<std::vector<Interval>, std::string> map_set(const Interval& interval) const;

    // The prefix whose addresses are the counterparts of this one's, each with the same host part:
    // what a 1:1 rewrite to it becomes.  Nothing stays as it is.
    tl::expected<Prefix, std::string> map_hosts(const Prefix& prefix) const;

    // The address paired with this one; none when the inventory pairs it with none.
    std::optional<Address> paired(const Address& address) const;

    // Why these addresses do not all keep their last bits, below a prefix of this length, when they
    // become others: what a translation host by host goes by.  Empty: they do.
    std::string moves_hosts(const Interval& among, unsigned length) const;

    // Whether any address of the family becomes another; IPv6's hold IPv4's too.
    bool changes(Family family) const;

    const Numbers& packet_marks() const { return packet_marks_; }
    const Numbers& connection_marks() const { return connection_marks_; }
    const Numbers& zones() const { return zones_; }
    const Numbers& vlans() const { return vlans_; }

    // What the VLANs of these interfaces become.
    void add_vlans(const Interfaces& interfaces);

private:
    // Sets of addresses that mean the same at the two sites.
    struct Counterparts {
        std::vector<Interval> from;
        std::vector<Interval> to;
    };

    void add_address(const Address& from, const Address& to, std::vector<Error>& errors);
    void add_whole(const Prefix& from, const Prefix& to);
    void add_networks(const std::vector<Prefix>& from, const std::vector<Prefix>& to);
    void add_lines(const GatewayPair& pair, const Move& move, std::vector<Error>& errors);
    void add_file(const MapFile& file);
    std::string against_vips(const MapFile::Group& group) const;
    std::string against(const MapFile::Group& group) const;

    bool moves(const Interval& interval) const;  // lies in a prefix that moves
    bool stays_closed(const Interval& interval) const;
    bool hidden_stay(const Interval& interval) const;
    std::optional<std::pair<Interval, Interval>> unit_at(const Address& at,
                                                         const Address& last) const;
    tl::expected<std::optional<std::vector<Interval>>, std::string> by_units(
        const Interval& interval) const;
    std::string not_one_to_one(const Interval& from, const Interval& to) const;
    std::string refusal(const Interval& interval) const;

    std::string from_site_ = "old";
    std::string to_site_ = "new";
    std::map<Address, Address> addresses_;
    std::map<Address, Address> sources_;  // the same, backwards
    std::map<Interval, Interval> wholes_;
    std::vector<Counterparts> counterparts_;
    std::vector<MapFile::Group> groups_;
    std::vector<Prefix> moving_;
    Numbers packet_marks_{"packet mark"};
    Numbers connection_marks_{"connection mark"};
    Numbers zones_{"conntrack zone"};
    Numbers vlans_{"VLAN"};
};

// The interfaces of a pair of hosts, with those that the file tells of it.
// Errors: what the file says against the inventory.
Interfaces interfaces_of(const HostPair& pair, const MapFile& file, std::vector<Error>& errors);

}  // namespace rehome::lbsync
