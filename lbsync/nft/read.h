// A host's rule set, read from nft's two forms at once: `nft -s -j list ruleset` for the structure,
// `nft -s -a list ruleset` for what the JSON form loses (flags, comments, devices, map statements).
//
// The reading proves itself: each rule and element, printed from the model, must equal nft's own
// text.  Where it does not, or where a part is unknown, a Doubt says so.  A rule set with doubts is
// neither carried nor called equal to anything.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "common/error.h"
#include "lbsync/nft/model.h"
#include "lbsync/policy/doubt.h"

namespace rehome::lbsync {

namespace kernel {
struct Ruleset;
}
namespace outside {
struct Facts;
}
namespace iptables {
struct HostDump;
}

struct Reading {
    Ruleset ruleset;
    std::vector<Doubt> doubts;
    // What the kernel runs, where the host's lbsync has told it.
    std::shared_ptr<const kernel::Ruleset> kernel{};
    // What stands outside its rule sets, likewise.
    std::shared_ptr<const outside::Facts> outside{};
    // iptables' tables and the sets of ipset, likewise.  Its tables in nf_tables that this shows
    // whole are not in `ruleset`.
    std::shared_ptr<const iptables::HostDump> iptables{};
};

// Tables of other programs are neither read nor touched: vipd names its own "rehome-INTERFACE";
// others may be "vipd-...".
bool belongs_to_others(std::string_view table_name);

// where: the host, for the doubts.  An error (Exit::unknown) when a form is none that nftables
// prints.
Result<Reading> read_ruleset(std::string_view json, std::string_view text, std::string_view where);

}  // namespace rehome::lbsync
