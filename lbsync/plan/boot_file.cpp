#include "lbsync/plan/boot_file.h"

#include <set>

#include <fmt/format.h>

#include "lbsync/nft/print.h"
#include "lbsync/plan/batch.h"

namespace rehome::lbsync {

namespace {

constexpr std::string_view header =
    "#!/usr/sbin/nft -f\n"
    "# Written by lbsync; to be included from what this host loads at boot.\n";
constexpr std::string_view gone = "delete table ";

using Names = std::set<std::pair<std::string, std::string>>;  // family and name

Names names_of(const Ruleset& ruleset) {
    Names names;
    for (const Table& table : ruleset.tables) {
        names.emplace(table.family, table.name);
    }
    return names;
}

// Tables that the text deletes, to make them anew or for good.
Names deleted_by(std::string_view text) {
    Names names;
    while (!text.empty()) {
        std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(line.size() + 1, text.size()));
        if (!line.starts_with(gone)) {
            continue;
        }
        line.remove_prefix(gone.size());
        const size_t space = line.find(' ');
        if (space != std::string_view::npos) {
            names.emplace(line.substr(0, space), line.substr(space + 1));
        }
    }
    return names;
}

}  // namespace

bool is_our_boot_file(std::string_view text) {
    return text.starts_with(header) || text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

std::string boot_file(std::string_view text, const Ruleset& current, const Ruleset& wanted) {
    std::string result(header);
    Names removed = deleted_by(text);
    removed.merge(names_of(current));
    for (const auto& [family, name] : names_of(wanted)) {
        removed.erase({family, name});
    }
    for (const auto& [family, name] : removed) {
        result += restore_batch(family, name, "");
    }
    for (const Table& table : wanted.tables) {
        result += restore_batch(table.family, table.name, print(table));
    }
    return result;
}

}  // namespace rehome::lbsync
