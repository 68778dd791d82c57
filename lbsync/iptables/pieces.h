// What of a dump is carried, saved and put back, each as a whole: a table of one backend, or a
// named set that rules use.
//
// A table without rules whose built-in chains accept is as good as none, and is none here.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/error.h"
#include "lbsync/iptables/syntax.h"

namespace rehome::lbsync::iptables {

// "table iptables-nft filter", "ipset door"
std::string title(std::string_view kind, std::string_view name);

struct Piece {
    std::string kind;  // "iptables-nft", "ip6tables-legacy", "ipset"
    std::string name;
    std::string text;                // as the program's restore takes it; of a set with its state
    std::vector<std::string> lines;  // its policy, in one form: what comparisons and digests see

    std::string title() const { return iptables::title(kind, name); }
    bool operator==(const Piece& other) const {
        return kind == other.kind && name == other.name && lines == other.lines;
    }
};

bool is_piece(std::string_view kind);

std::string kind_of(const Save& save);  // "iptables-nft"

// Sorted by kind and name.
std::vector<Piece> pieces(const Dump& dump);

// Null: it is not there.
const Piece* find(const std::vector<Piece>& pieces, std::string_view kind, std::string_view name);

std::string digest(const Piece* piece);  // empty: there is none

// The dump with such a piece in place of what stands there; text: a piece's; empty: there is none.
Checked<Dump> with(Dump dump, const std::string& kind, const std::string& name,
                   const std::string& text);

}  // namespace rehome::lbsync::iptables
