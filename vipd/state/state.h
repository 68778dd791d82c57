// The one owner of what changes while vipd runs: the configuration, the operator's orders and what
// is observed of the peers.  Events go in, with their time; snapshots for the workers come out.
//
// What changes between two snapshots is in the next one as a whole.  There are at most 20 a second:
// 4 at once, so that an order need not wait for the one before it, then 16 a second.
//
// Disabling a line takes two steps.  From the order on it drains; once every live peer has told
// back that it acts on this, no peer sends replies here for it any more, and it is disabled.  A
// peer that does not say so within 2 s is an error, and the line stays as it was.
//
// The other way round, what a peer says of its lines is told back only when every worker here acts
// on it and the rings between the workers are empty behind them (drained): on the word of one
// worker a peer would disable a line while replies for it still come from another.
//
// A vipd that was away for long may have missed the end of the move, with orders to announce that
// do not hold any more (resume.h).  It begins unconfirmed: it serves its flows and its peers, but
// holds no route for its prefixes until a live peer says that it takes part in the same move, or
// the operator says so.  Who is unconfirmed itself says nothing of the move to others.
//
// One thread's own; no I/O, no clock.
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "vipd/state/compile.h"

namespace rehome::vipd {

// How fast snapshots may follow each other.
struct Pace {
    unsigned at_once = 4;
    Micros every = 62'500;
};

// What a start takes over from the run before.
struct Begin {
    Orders orders;
    bool confirmed = true;
    bool ran_before = false;
    std::shared_ptr<const Keyring> keys{};  // of the file; null: there is none
    Agreement::Draw draw = random_nonce;
};

class State {
public:
    State(Config config, const Begin& begin, Micros now, Pace pace = {});

    // The newest; never null.
    const std::shared_ptr<const Snapshot>& snapshot() const { return in_use_.back(); }
    const Orders& orders() const { return known_.orders; }
    // In force, or about to be; null: nothing is said.
    const std::shared_ptr<const AccessRules>& access_rules() const { return known_.access_rules(); }
    const std::shared_ptr<const Access>& access() const { return known_.access; }
    // As of the last reload; the snapshot's may be the one before.
    const Config& config() const { return *known_.config; }
    // The snapshot's, with the lines and the access rules as they are.
    Config config_in_force() const;
    const ObservedPeer& peer(size_t index) const { return known_.observed.peers[index]; }
    const ObservedPort& port(size_t index) const { return known_.observed.ports[index]; }
    const Keyring* keys() const { return known_.keys.get(); }  // null: there are none
    bool confirmed() const { return known_.confirmed; }
    // The gateway that confirmed it; empty: none had to, or the operator did.
    const std::string& confirmed_by() const { return confirmed_by_; }

    // The workers take packets from now on: what is waited for counts from here.
    void workers_start(Micros now) { known_.observed.started = now; }

    // Events.  Those that return an epoch are in force with the snapshot of that epoch.
    uint64_t order(const ShareOrder& order);
    uint64_t order(const PlacementOrder& order);
    // access: of these rules; null: they drop nothing.
    uint64_t order(const AccessOrder& order, std::shared_ptr<const Access> access);
    // The same rules as before, about other services, or the file's.
    uint64_t access(std::shared_ptr<const Access> access);
    // Takes the place of an order about the same; gets an id.  A line at once: see drain.
    uint64_t disable(const DisableTarget& target, DisableOrder order);
    uint64_t enable(const DisableTarget& target, const Said& said);
    uint64_t last_order_id() const { return last_order_id_; }
    uint64_t confirm();
    // Disables a line that is enabled, once no peer uses it any more.
    void drain(size_t line, const DisableOrder& order, Micros now);
    bool draining(size_t line) const;
    // May replace the one before (reload.h).
    uint64_t reload(Config config);
    // The file's keys, of a configuration that has some.
    uint64_t rekey(std::shared_ptr<const Keyring> keys);
    // Every worker has ended all flows of the order of that id.
    void ended(uint64_t id);
    void hear(size_t peer, const Keepalive& keepalive, Micros now);
    void hear(size_t peer, const Handshake& handshake, Micros now);
    void hear(size_t peer, const FlowsPage& page);
    void hear(size_t peer, const ServicesPage& page);
    // The longest packet that gets to a peer, as probes have found that were sent then.
    void link_size(size_t peer, uint16_t mtu, Micros asked);
    // The same as a router has told; a probe that finds more outranks it.
    void told_mtu(size_t peer, uint16_t mtu, Micros now);
    // How a port is, and the kernel's routes by the ports.
    void port(size_t port, ObservedPort seen, Micros now);
    void routes(std::shared_ptr<const Fib> routes);
    // What checks have found.
    void health(std::shared_ptr<const ServersHealth> health);
    // Every worker acts on that snapshot or a newer one, and what was decided by older ones has
    // left this gateway.  Frees the snapshots that nobody has any more.
    void drained(uint64_t epoch);

    // Notices what time brings.  True: there is a new snapshot.
    bool advance(Micros now);
    // When there is something to notice again, if nothing comes in until then.
    Micros next_event(Micros now) const;

private:
    struct Draining {
        size_t line;
        DisableOrder order;
        Micros deadline;
    };

    uint64_t change();
    void stop_draining(const std::string& carrier);
    bool lines_confirmed(Micros now) const;
    void settle_draining(Micros now);
    void notice_peers(Micros now);
    void notice_ports(Micros now);
    void notice_confirmation(Micros now);
    void notice_epochs(Micros now);
    Micros next_allowed() const;

    Known known_;
    Agreement::Draw draw_;
    uint64_t last_order_id_ = 0;
    std::string confirmed_by_;
    std::vector<Draining> draining_;
    std::deque<std::shared_ptr<const Snapshot>> in_use_;  // oldest first
    bool changed_ = false;                                // since the newest snapshot
    Pace pace_;
    Micros paced_until_ = 0;
};

}  // namespace rehome::vipd
