#include "lbsync/plan/saved.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "common/json/file.h"
#include "common/sha256.h"
#include "lbsync/nft/canonical.h"
#include "lbsync/nft/members.h"
#include "lbsync/nft/print.h"
#include "lbsync/plan/pieces.h"

namespace rehome::lbsync {

namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr std::string_view schema =
#include "common/formats/lbsync-state.schema.inc"
    ;

void save_tables(const HostPlan& plan, Saved& saved) {
    for (const Table& table : plan.current.tables) {
        saved.tables.push_back({plan.host, table.family, table.name, print(table),
                                digest_of(plan.current, {}, table.family, table.name),
                                digest_of(plan.wanted, {}, table.family, table.name)});
    }
    for (const Table& table : plan.wanted.tables) {
        if (find(plan.current.tables, table) == nullptr) {
            saved.tables.push_back({plan.host, table.family, table.name, "", "",
                                    digest_of(plan.wanted, {}, table.family, table.name)});
        }
    }
}

void save_pieces(const HostPlan& plan, Saved& saved) {
    const auto now = pieces(plan.current_dump);
    const auto then = pieces(plan.wanted_dump);
    for (const iptables::Piece& piece : now) {
        saved.tables.push_back({plan.host, piece.kind, piece.name, piece.text, digest(&piece),
                                digest(iptables::find(then, piece.kind, piece.name))});
    }
    for (const iptables::Piece& piece : then) {
        if (iptables::find(now, piece.kind, piece.name) == nullptr) {
            saved.tables.push_back({plan.host, piece.kind, piece.name, "", "", digest(&piece)});
        }
    }
}

// Whether the batch touches it: the same comparison, table by table.
bool differs(const SavedTable& table, const std::vector<Change>& changes) {
    const std::string title = table.family == "ipset" ? iptables::title(table.family, table.name)
                                                      : "table " + table.family + " " + table.name;
    return std::any_of(changes.begin(), changes.end(), [&](const Change& change) {
        return change.host == table.host &&
               (change.object == title || change.object.starts_with(title + " "));
    });
}

// Whether it is still as the apply before has left it.
bool stands(const SavedTable& table, const Plan& plan) {
    return std::any_of(plan.hosts.begin(), plan.hosts.end(), [&](const HostPlan& host) {
        return host.host == table.host && digest_of(host.current, host.current_dump, table.family,
                                                    table.name) == table.after_sha256;
    });
}

bool stands(const SavedFile& file, const Plan& plan) {
    const bool boot = file.path == plan.boot_path;
    if (boot) {
        return std::any_of(plan.hosts.begin(), plan.hosts.end(), [&](const HostPlan& host) {
            return host.host == file.host && sha256(host.current_boot) == file.after_sha256;
        });
    }
    return std::any_of(plan.gateways.begin(), plan.gateways.end(), [&](const GatewayPlan& gateway) {
        return gateway.pair.to->host == file.host && gateway.pair.to->vipd_config == file.path &&
               sha256(gateway.current_file) == file.after_sha256;
    });
}

ordered_json learned_json(const SavedTable& table) {
    ordered_json all = ordered_json::array();
    for (const Learned& one : table.learned) {
        all.push_back({{"set", one.set}, {"type", one.type}, {"elements", pieces(one.elements)}});
    }
    return all;
}

std::vector<Learned> learned_of(const json& table) {
    std::vector<Learned> all;
    for (const json& one : table.value("learned", json::array())) {
        all.push_back({table["family"].get<std::string>(), table["name"].get<std::string>(),
                       one["set"].get<std::string>(), one["type"].get<std::string>(),
                       joined(one["elements"])});
    }
    return all;
}

}  // namespace

std::string digest_of(const Ruleset& ruleset, const iptables::Dump& dump, std::string_view family,
                      std::string_view name) {
    if (iptables::is_piece(family)) {
        const auto all = pieces(dump);
        return digest(iptables::find(all, family, name));
    }
    Table like;
    like.family = family;
    like.name = name;
    const Table* table = find(ruleset.tables, like);
    return table == nullptr ? "" : sha256(canonical(Ruleset{{*table}}));
}

Saved to_save(const Plan& plan, bool reload) {
    Saved saved;
    for (const HostPlan& host : plan.hosts) {
        save_tables(host, saved);
        save_pieces(host, saved);
        if (host.wanted_boot != host.current_boot) {
            saved.files.push_back(
                {host.host, plan.boot_path, "", host.current_boot, sha256(host.wanted_boot)});
        }
    }
    std::erase_if(saved.tables,
                  [&](const SavedTable& table) { return !differs(table, plan.changes); });
    for (const GatewayPlan& gateway : plan.gateways) {
        if (gateway.wanted_file != gateway.current_file) {
            saved.files.push_back({gateway.pair.to->host, gateway.pair.to->vipd_config,
                                   reload ? gateway.pair.to->vipd_socket : "", gateway.current_file,
                                   sha256(gateway.wanted_file)});
        }
    }
    return saved;
}

void note_learned(Saved& saved, const std::string& host, const std::vector<Learned>& learned) {
    for (SavedTable& table : saved.tables) {
        std::copy_if(learned.begin(), learned.end(), std::back_inserter(table.learned),
                     [&](const Learned& one) {
                         return table.host == host && table.family == one.family &&
                                table.name == one.table;
                     });
    }
}

std::string learned_text(const SavedTable& table, const std::vector<Learned>& now) {
    std::string text;
    for (const Learned& saved : table.learned) {
        const auto same = std::find_if(now.begin(), now.end(), [&](const Learned& one) {
            return one.family == saved.family && one.table == saved.table && one.set == saved.set &&
                   one.type == saved.type;
        });
        text += add_elements(same == now.end() ? saved : *same);
    }
    return text;
}

Saved of_hosts(const Saved& saved, const std::vector<std::string>& hosts) {
    const auto other = [&](const auto& one) {
        return std::find(hosts.begin(), hosts.end(), one.host) == hosts.end();
    };
    Saved result = saved;
    std::erase_if(result.tables, other);
    std::erase_if(result.files, other);
    return result;
}

Saved continued(const Saved& earlier, Saved saved, const Plan& plan) {
    for (const SavedTable& old : earlier.tables) {
        const auto same =
            std::find_if(saved.tables.begin(), saved.tables.end(), [&](const SavedTable& table) {
                return table.host == old.host && table.family == old.family &&
                       table.name == old.name;
            });
        if (same == saved.tables.end()) {
            saved.tables.push_back(old);
        } else if (stands(old, plan)) {
            same->before = old.before;
            same->before_sha256 = old.before_sha256;
            same->learned = old.learned;
        }
    }
    for (const SavedFile& old : earlier.files) {
        const auto same = std::find_if(
            saved.files.begin(), saved.files.end(),
            [&](const SavedFile& file) { return file.host == old.host && file.path == old.path; });
        if (same == saved.files.end()) {
            saved.files.push_back(old);
        } else if (stands(old, plan)) {
            same->before = old.before;
        }
    }
    return saved;
}

ordered_json to_json(const Saved& saved) {
    ordered_json tables = ordered_json::array();
    for (const SavedTable& table : saved.tables) {
        tables.push_back({{"host", table.host},
                          {"family", table.family},
                          {"name", table.name},
                          {"before", pieces(table.before)},
                          {"before_sha256", table.before_sha256},
                          {"after_sha256", table.after_sha256},
                          {"learned", learned_json(table)}});
    }
    ordered_json files = ordered_json::array();
    for (const SavedFile& file : saved.files) {
        files.push_back({{"host", file.host},
                         {"path", file.path},
                         {"socket", file.socket},
                         {"before", pieces(file.before)},
                         {"after_sha256", file.after_sha256}});
    }
    return {{"schema", "rehome/lbsync-state/1"},
            {"at", saved.at},
            {"tables", std::move(tables)},
            {"files", std::move(files)}};
}

Checked<Saved> parse_saved(std::string_view file, std::string_view text) {
    const auto document = parse_json(file, text, schema);
    if (!document) {
        return tl::unexpected(document.error());
    }
    Saved saved;
    saved.at = (*document)["at"].get<std::string>();
    for (const json& table : (*document)["tables"]) {
        saved.tables.push_back({table["host"].get<std::string>(),
                                table["family"].get<std::string>(),
                                table["name"].get<std::string>(), joined(table["before"]),
                                table["before_sha256"].get<std::string>(),
                                table["after_sha256"].get<std::string>(), learned_of(table)});
    }
    for (const json& one : (*document)["files"]) {
        saved.files.push_back({one["host"].get<std::string>(), one["path"].get<std::string>(),
                               one["socket"].get<std::string>(), joined(one["before"]),
                               one["after_sha256"].get<std::string>()});
    }
    return saved;
}

}  // namespace rehome::lbsync
