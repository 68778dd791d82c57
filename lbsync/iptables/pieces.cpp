#include "lbsync/iptables/pieces.h"

#include <algorithm>

#include <fmt/format.h>

#include "common/sha256.h"
#include "lbsync/iptables/print.h"
#include "lbsync/iptables/read.h"
#include "lbsync/iptables/set_state.h"

namespace rehome::lbsync::iptables {

namespace {

constexpr std::string_view set_kind = "ipset";

bool is_built_in(const Chain& chain) {
    return chain.policy != "-";
}

std::vector<std::string> lines_of(const Table& table) {
    std::vector<const Chain*> chains;
    for (const Chain& chain : table.chains) {
        if (!is_built_in(chain) || chain.policy != "ACCEPT" || !chain.rules.empty()) {
            chains.push_back(&chain);
        }
    }
    std::sort(chains.begin(), chains.end(), [](const Chain* a, const Chain* b) {
        return std::pair(!is_built_in(*a), a->name) < std::pair(!is_built_in(*b), b->name);
    });
    std::vector<std::string> lines;
    for (const Chain* chain : chains) {
        lines.push_back(fmt::format(":{} {}", chain->name, chain->policy));
        for (const Rule& rule : chain->rules) {
            lines.push_back(fmt::format("-A {} {}", chain->name, print(rule)));
        }
    }
    return lines;
}

std::vector<std::string> lines_of(const IpSet& set) {
    std::vector<std::string> lines{print(set)};
    for (const SetElement& element : set.elements) {
        lines.push_back(print(set, element));
    }
    return lines;
}

std::string text_of(const IpSet& set) {
    std::string text;
    for (const std::string& line : lines_of(set)) {
        text += line + "\n";
    }
    return text;
}

template <typename Same>
void erase_table(Dump& dump, Same same) {
    for (Save& save : dump.saves) {
        std::erase_if(save.tables, [&](const Table& table) { return same(save, table); });
    }
}

}  // namespace

bool is_piece(std::string_view kind) {
    return kind == set_kind || kind.starts_with("iptables-") || kind.starts_with("ip6tables-");
}

std::string title(std::string_view kind, std::string_view name) {
    return fmt::format("{}{} {}", kind == set_kind ? "" : "table ", kind, name);
}

std::string kind_of(const Save& save) {
    return fmt::format("{}-{}", save.family == Family::v4 ? "iptables" : "ip6tables",
                       save.backend == Backend::nft ? "nft" : "legacy");
}

std::vector<Piece> pieces(const Dump& dump) {
    std::vector<Piece> all;
    for (const Save& save : dump.saves) {
        for (const Table& table : save.tables) {
            auto lines = lines_of(table);
            if (!lines.empty()) {
                all.push_back({kind_of(save), table.name,
                               print(Save{save.family, save.backend, {table}}), std::move(lines)});
            }
        }
    }
    const auto named = named_sets(dump);
    const auto filled = filled_sets(dump);
    for (const IpSet& set : dump.sets) {
        if (named.contains(set.name)) {
            all.push_back({std::string(set_kind), set.name, text_of(set),
                           lines_of(policy_of(set, filled.contains(set.name)))});
        }
    }
    std::sort(all.begin(), all.end(), [](const Piece& a, const Piece& b) {
        return std::pair(a.kind, a.name) < std::pair(b.kind, b.name);
    });
    return all;
}

const Piece* find(const std::vector<Piece>& pieces, std::string_view kind, std::string_view name) {
    const auto found = std::find_if(pieces.begin(), pieces.end(), [&](const Piece& piece) {
        return piece.kind == kind && piece.name == name;
    });
    return found == pieces.end() ? nullptr : &*found;
}

std::string digest(const Piece* piece) {
    if (piece == nullptr) {
        return "";
    }
    std::string text = piece->title() + "\n";
    for (const std::string& line : piece->lines) {
        text += line + "\n";
    }
    return sha256(text);
}

Checked<Dump> with(Dump dump, const std::string& kind, const std::string& name,
                   const std::string& text) {
    auto read = read_dump(text, fmt::format("{} {}", kind, name));
    if (!read) {
        return read;
    }
    if (kind == set_kind) {
        std::erase_if(dump.sets, [&](const IpSet& set) { return set.name == name; });
    } else {
        erase_table(dump, [&](const Save& save, const Table& table) {
            return kind_of(save) == kind && table.name == name;
        });
    }
    std::move(read->saves.begin(), read->saves.end(), std::back_inserter(dump.saves));
    std::move(read->sets.begin(), read->sets.end(), std::back_inserter(dump.sets));
    return dump;
}

}  // namespace rehome::lbsync::iptables
