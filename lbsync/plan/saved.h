// What an apply replaces, written down before its first act so that it can be undone
// ("rehome/lbsync-state/1").
//
// Schema: common/formats/lbsync-state.schema.json.  Texts are stored in pieces, to be joined as
// they are, because a JSON string in our files is bounded.  Digests tell, later, whether a table or
// file is still what the apply made of it; a table's is taken of its canonical form.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "common/error.h"
#include "lbsync/nft/learned.h"
#include "lbsync/plan/plan.h"

namespace rehome::lbsync {

struct SavedTable {
    std::string host;
    std::string family;  // "inet"; of iptables and ipset the kind of a piece (pieces.h)
    std::string name;
    std::string before;              // as `nft -f` takes it; empty: there was none
    std::string before_sha256;       // empty: there was none
    std::string after_sha256;        // empty: there is none any more
    std::vector<Learned> learned{};  // what rules had added to its sets
    bool operator==(const SavedTable&) const = default;
};

struct SavedFile {
    std::string host;
    std::string path;
    std::string socket;  // of the vipd that must reload it; empty: none
    std::string before;
    std::string after_sha256;
    bool operator==(const SavedFile&) const = default;
};

struct Saved {
    std::string at;
    std::vector<SavedTable> tables;
    std::vector<SavedFile> files;
};

// The digest of a table of this rule set, or of what iptables and ipset have (pieces.h); empty when
// there is none.
std::string digest_of(const Ruleset& ruleset, const iptables::Dump& dump, std::string_view family,
                      std::string_view name);

// What the plan will change.  reload: whether vipd is told.
Saved to_save(const Plan& plan, bool reload);

// Notes what rules of this host have added to sets of the tables that are saved.
void note_learned(Saved& saved, const std::string& host, const std::vector<Learned>& learned);

// What is to be added when a saved table is put back: what a set of the same type holds now, else
// what it held when it was saved.
std::string learned_text(const SavedTable& table, const std::vector<Learned>& now);

// What of it belongs to these hosts.
Saved of_hosts(const Saved& saved, const std::vector<std::string>& hosts);

// The state of an apply that goes on where an earlier one ended or broke off: what is still as the
// earlier one left it keeps the older `before`, so that one undo takes both back.  What the plan
// does not name is kept too.
Saved continued(const Saved& earlier, Saved saved, const Plan& plan);

nlohmann::ordered_json to_json(const Saved& saved);
Checked<Saved> parse_saved(std::string_view file, std::string_view text);

}  // namespace rehome::lbsync
