// What must change at the new site so that it has the old site's policies, and whether that is
// known.
//
// Pure: from the states of both sites, as read, to the wanted states, the differences in words, and
// the means to get there.  Bound to digests of both states, so that a plan made earlier is carried
// out only on what it was made for.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/error.h"
#include "lbsync/iptables/steps.h"
#include "lbsync/iptables/syntax.h"
#include "lbsync/mapping/left_alone.h"
#include "lbsync/mapping/mapping.h"
#include "lbsync/nft/read.h"
#include "lbsync/outside/compare.h"
#include "lbsync/plan/difference.h"
#include "lbsync/plan/pairs.h"
#include "lbsync/plan/proven.h"

namespace rehome::lbsync {

// What was read of a pair of hosts.
struct HostState {
    HostPair pair;
    Reading from;
    Reading to;
    std::optional<std::string> boot{};  // the target's boot file; none: not asked for
};

// A target whose last apply is undone there unless it is confirmed.
struct Unconfirmed {
    std::string host;
    std::string until;
    std::string by;
    bool waits = true;  // the process that is to undo lives
};

// What was read of a pair of gateways.
struct GatewayState {
    GatewayPair pair;
    std::string from_file;
    std::string to_file;
    std::optional<std::string> in_force;  // at the new one, by `vipctl config`; none: not asked
};

struct State {
    std::vector<HostState> hosts;
    std::vector<GatewayState> gateways;
    std::vector<Error> unread;  // hosts, and vipds, of which nothing is known
    std::vector<Unconfirmed> unconfirmed;
    std::string boot_path;
};

struct HostPlan {
    std::string host;
    Ruleset current;
    Ruleset wanted;
    std::string batch;           // empty: nothing to do
    std::string current_boot{};  // the boot file
    std::string wanted_boot{};   // the same where it needs no change
    iptables::Dump current_dump{};
    iptables::Dump wanted_dump{};
    std::vector<iptables::Step> steps{};  // from one to the other, after the batch

    bool changes_rules() const { return !batch.empty() || !steps.empty(); }
};

struct GatewayPlan {
    GatewayPair pair;
    std::string current_file;
    std::string wanted_file;   // equal to current_file when it needs no change
    std::string wanted_offer;  // canonical
    bool reload = false;       // what is in force differs from what is wanted
};

struct Plan {
    std::string from;  // sites
    std::string to;
    std::vector<Prefix> prefixes;  // that move
    std::vector<HostPlan> hosts;
    std::vector<GatewayPlan> gateways;
    std::vector<Change> changes;
    std::vector<HostProof> proofs;             // one a pair of hosts, unless there are doubts
    std::vector<outside::Comparison> outside;  // of each pair of hosts; apply changes none of it
    std::vector<Doubt> doubts;
    std::vector<Error> unread;
    std::vector<Unconfirmed> unconfirmed;
    std::string boot_path;  // empty: boot files are not written
    std::vector<std::string> skipped;
    std::vector<LeftAlone> left_alone;   // at both sites
    std::vector<std::string> unmatched;  // entries of the mapping file
    MapFile map;                         // in the direction of the move
    std::string from_digest;
    std::string to_digest;

    // yes: every packet meets the same, and no service differs; no: something differs for sure;
    // unknown: there are doubts, or what reads differently cannot be proven either way, or all is
    // equal but not confirmed; world: something could not be read.
    Exit verdict() const;

    // Whether all was understood: rule sets that may or may not mean the same can be carried.
    bool can_be_carried() const { return doubts.empty() && unread.empty() && unconfirmed.empty(); }
};

// map: what a file tells beside the inventory, in its direction.
// Errors are objects without a counterpart, unreadable configurations, and what the file says
// against the inventory; all of them, and what could not be read.
Checked<Plan> make_plan(const Inventory& inventory, const Move& move, const Pairs& pairs,
                        const State& state, const MapFile& map = {});

}  // namespace rehome::lbsync
