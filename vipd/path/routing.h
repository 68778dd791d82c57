// By which adjacency a packet leaves: routes and neighbours, and what is remembered of what they
// said, for addresses, for routes' gateways and for lines.
//
// Adjacencies are numbered as they are first wanted and keep their numbers.  One worker's own.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "vipd/flow/huge_array.h"
#include "vipd/packet/hash.h"
#include "vipd/route/adjacency.h"
#include "vipd/route/fib.h"
#include "vipd/state/tables.h"

namespace rehome::vipd {

class Routing {
public:
    using V6 = std::array<uint8_t, 16>;
    static constexpr uint32_t none = Adjacencies::none;
    static constexpr uint32_t no_line = UINT32_MAX;

    explicit Routing(std::vector<PortLink> ports);

    // What holds from now on; the tables are the caller's until the next ones.
    void take(const Tables& tables);
    void take(std::shared_ptr<const Fib> routes);
    void take(std::shared_ptr<const Neighbours> neighbours);
    void take(const std::vector<PortLink>& ports);

    // The adjacency that leads to an address; none: no route, or one by a port whose link is down,
    // which port_without_link() tells apart.  The address may be as flows hold it, IPv4 in host
    // order, with its address_hash().
    uint32_t next_hop(const Address& to) {
        return to.family == Family::v4 ? next_hop(to.v4_host_order()) : next_hop(to.bytes);
    }
    uint32_t next_hop(const Address& to, uint32_t hash) {
        return to.family == Family::v4 ? next_hop(to.v4_host_order(), hash)
                                       : next_hop(to.bytes, hash);
    }
    uint32_t next_hop(uint32_t to) { return next_hop(to, address_hash(to)); }
    uint32_t next_hop(const V6& to) { return next_hop(to, address_hash(to)); }
    uint32_t next_hop(uint32_t to, uint32_t hash) {
        return cached(v4_.entries[v4_.place(hash)], to);
    }
    uint32_t next_hop(const V6& to, uint32_t hash) {
        return cached(v6_.entries[v6_.place(hash)], to);
    }
    // The same by the routes first, where their next hop is a gateway: for many addresses behind
    // few routes.
    uint32_t next_hop_by_route(uint32_t to) { return by_route(routes_->find_v4(to), to); }
    uint32_t next_hop_by_route(const V6& to) { return by_route(routes_->find_v6(to), to); }

    void prefetch(uint32_t to) const {
        __builtin_prefetch(&v4_.entries[v4_.place(address_hash(to))]);
    }
    void prefetch(const V6& to) const {
        __builtin_prefetch(&v6_.entries[v6_.place(address_hash(to))]);
    }
    void prefetch_route(uint32_t to) const { routes_->prefetch_v4(to); }
    void prefetch_route(const V6&) const {}  // found by a search

    // The port by which a route leads to an address while its link is down; nothing: none does.
    std::optional<PortIndex> port_without_link(const Address& to) const;

    // To a line's router, or none.
    uint32_t to_line(size_t line) const { return lines_[line]; }
    // The line whose router an adjacency leads to, or no_line.
    uint32_t line_of(uint32_t adjacency) const;
    // While that cannot be told: the adjacency whose MAC address has to be known first; none.
    uint32_t tells_line(uint32_t adjacency) const;
    // Of the lines of one VLAN, that of the router with a MAC address; the first one where none has
    // it, nothing of none.
    std::optional<uint16_t> line_of(std::span<const uint16_t> lines, const uint8_t* mac) const;

    Adjacencies& adjacencies() { return adjacencies_; }
    const Adjacencies& adjacencies() const { return adjacencies_; }
    Adjacency& operator[](uint32_t number) { return adjacencies_[number]; }
    const Adjacency& operator[](uint32_t number) const { return adjacencies_[number]; }
    const std::shared_ptr<const Fib>& routes() const { return routes_; }

private:
    template <typename Stored, unsigned bits>
    struct Cache {
        struct Entry {
            Stored to;
            uint32_t adjacency;  // its number and 1; 0: empty
        };
        HugeArray<Entry> entries{1U << bits};

        static uint32_t place(uint32_t hash) { return hash >> (32 - bits); }
        void clear() { std::fill_n(entries.data(), entries.size(), Entry{}); }
    };

    template <typename Entry, typename Stored>
    uint32_t cached(Entry& entry, const Stored& to) {
        const bool hit = same(entry.to, to) && entry.adjacency != 0;
        return hit ? entry.adjacency - 1 : fill(entry, to);
    }
    template <typename Entry, typename Stored>
    [[gnu::noinline]] uint32_t fill(Entry& entry, const Stored& to) {
        entry = {to, look_up(address_of(to)) + 1};  // none and 1 is 0: empty
        return entry.adjacency - 1;
    }
    template <typename Stored>
    uint32_t by_route(uint32_t via, const Stored& to) {
        const uint32_t adjacency = via_adjacencies_[via];
        return adjacency != none ? adjacency : next_hop(to);
    }
    static Address address_of(uint32_t to) { return Address::v4(to); }
    static Address address_of(const V6& to) { return {Family::v6, to}; }
    uint32_t look_up(const Address& to);
    bool is_open(PortIndex port) const;
    void follow_routes();
    void find_lines();

    const Tables* tables_ = nullptr;
    std::shared_ptr<const Fib> routes_ = std::make_shared<const Fib>();
    Adjacencies adjacencies_;
    Cache<uint32_t, 14> v4_;
    Cache<V6, 12> v6_;
    std::vector<uint32_t> lines_;            // adjacencies of the lines' routers
    std::vector<uint32_t> via_adjacencies_;  // of the routes' gateways; none: on the link
};

}  // namespace rehome::vipd
