#include "lbsync/core/saved.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "common/json_file.h"
#include "lbsync/core/members.h"
#include "lbsync/core/nft_print.h"

namespace rehome::lbsync {

namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr std::string_view schema =
#include "lbsync/core/saved.schema.inc"
    ;

// Cut at lines where they are short, and never within a character of UTF-8.
ordered_json pieces(std::string_view text) {
    constexpr size_t longest = 4096;
    ordered_json result = ordered_json::array();
    while (!text.empty()) {
        size_t length = std::min({text.find('\n'), text.size() - 1, longest - 1}) + 1;
        while (length > 1 && length < text.size() &&
               (static_cast<unsigned char>(text[length]) & 0xc0) == 0x80) {
            --length;
        }
        result.push_back(text.substr(0, length));
        text.remove_prefix(length);
    }
    return result;
}

std::string joined(const json& parts) {
    std::string text;
    for (const json& part : parts) {
        text += part.get<std::string>();
    }
    return text;
}

void save_tables(const HostPlan& plan, Saved& saved) {
    for (const Table& table : plan.current.tables) {
        const Table* after = find(plan.wanted.tables, table);
        saved.tables.push_back({plan.host, table.family, table.name, print(table),
                                after != nullptr ? print(*after) : ""});
    }
    for (const Table& table : plan.wanted.tables) {
        if (find(plan.current.tables, table) == nullptr) {
            saved.tables.push_back({plan.host, table.family, table.name, "", print(table)});
        }
    }
}

// Whether the batch touches it: the same comparison, table by table.
bool differs(const SavedTable& table, const std::vector<Change>& changes) {
    const std::string title = "table " + table.family + " " + table.name;
    return std::any_of(changes.begin(), changes.end(), [&](const Change& change) {
        return change.host == table.host &&
               (change.object == title || change.object.starts_with(title + " "));
    });
}

}  // namespace

Saved to_save(const Plan& plan, bool reload) {
    Saved saved;
    for (const HostPlan& host : plan.hosts) {
        save_tables(host, saved);
    }
    std::erase_if(saved.tables,
                  [&](const SavedTable& table) { return !differs(table, plan.changes); });
    for (const GatewayPlan& gateway : plan.gateways) {
        if (gateway.wanted_file != gateway.current_file) {
            saved.files.push_back({gateway.pair.to->host, gateway.pair.to->vipd_config,
                                   reload ? gateway.pair.to->vipd_socket : "", gateway.current_file,
                                   gateway.wanted_file});
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
                          {"after", pieces(table.after)}});
    }
    ordered_json files = ordered_json::array();
    for (const SavedFile& file : saved.files) {
        files.push_back({{"host", file.host},
                         {"path", file.path},
                         {"socket", file.socket},
                         {"before", pieces(file.before)},
                         {"after", pieces(file.after)}});
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
        saved.tables.push_back(
            {table["host"].get<std::string>(), table["family"].get<std::string>(),
             table["name"].get<std::string>(), joined(table["before"]), joined(table["after"])});
    }
    for (const json& one : (*document)["files"]) {
        saved.files.push_back({one["host"].get<std::string>(), one["path"].get<std::string>(),
                               one["socket"].get<std::string>(), joined(one["before"]),
                               joined(one["after"])});
    }
    return saved;
}

}  // namespace rehome::lbsync
