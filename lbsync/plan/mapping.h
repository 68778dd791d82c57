// Where an address or interface of the old site is found at the new one.
//
// - A server's address, a gateway's line address and the carrier's router behind it, and a tunnel
//   end have a counterpart; tunnel ends swap, since each side names the other's.
// - A site's only network of a family, and a line's subnet, map onto the other's as a whole.
// - Addresses in the prefixes that move, and foreign ones (clients), stay as they are.
// - Any other address of the old site has no counterpart, and one of the new site means something
//   else at the old one: both are refused.
// - IPv4 addresses in NAT64's well-known prefix, and IPv4-mapped ones, map as what they hold.
// - A range is carried if it stays the same set of hosts: it holds all or nothing of what maps, and
//   of what that maps onto, or consists of mapped addresses whose counterparts are a range too.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "common/error.h"
#include "common/inventory.h"
#include "lbsync/plan/pairs.h"
#include "lbsync/policy/interval.h"

namespace rehome::lbsync {

class Mapping {
public:
    // Errors: two counterparts for one address, one counterpart for two.
    static Checked<Mapping> make(const Inventory& inventory, const Move& move, const Pairs& pairs);

    // What is refused, in words: "object without a counterpart: ...".
    tl::expected<Interval, std::string> map(const Interval& interval) const;

    // The prefix whose addresses are the counterparts of this one's, each with the same host part:
    // what a 1:1 rewrite to it becomes.  Nothing stays as it is.
    tl::expected<Prefix, std::string> map_hosts(const Prefix& prefix) const;

    // The address paired with this one; none when the inventory pairs it with none.
    std::optional<Address> paired(const Address& address) const;

private:
    // Sets of addresses that mean the same at the two sites.
    struct Counterparts {
        std::vector<Interval> from;
        std::vector<Interval> to;
    };

    void add_address(const Address& from, const Address& to, std::vector<Error>& errors);
    void add_whole(const Prefix& from, const Prefix& to);
    void add_networks(const Site& from, const Site& to);
    void add_lines(const GatewayPair& pair, const Move& move, std::vector<Error>& errors);
    bool moves(const Interval& interval) const;  // lies in a prefix that moves
    bool stays_closed(const Interval& interval) const;
    bool one_by_one(const Interval& interval, Interval& image) const;

    std::string from_site_;
    std::string to_site_;
    std::map<Address, Address> addresses_;
    std::map<Address, Address> sources_;  // the same, backwards
    std::map<Interval, Interval> wholes_;
    std::vector<Counterparts> counterparts_;
    std::vector<Prefix> moving_;
};

// The same for an interface's name, which may end in "*"; a VLAN's ("PORT.7") goes with its port.
// Refused is a name with two counterparts, and one of two with the same.
tl::expected<std::string, std::string> map_interface(const Interfaces& interfaces,
                                                     const std::string& name);

}  // namespace rehome::lbsync
