#include "lbsync/plan/armed.h"

#include <nlohmann/json.hpp>

#include "common/json/file.h"
#include "lbsync/plan/pieces.h"

namespace rehome::lbsync {

namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr std::string_view schema =
#include "common/formats/lbsync-armed.schema.inc"
    ;

ordered_json to_json(const Armed& armed) {
    ordered_json boot = ordered_json::array();
    for (const BootFile& file : armed.boot) {
        boot.push_back({{"path", file.path}, {"content", pieces(file.content)}});
    }
    return {{"id", armed.id},
            {"by", armed.by},
            {"command", armed.command},
            {"since", armed.since},
            {"until", armed.until},
            {"deadline_us", armed.deadline_us},
            {"saved", to_json(armed.saved)},
            {"boot", std::move(boot)}};
}

ordered_json to_json(const TimerUndo& undone) {
    return {{"id", undone.id},
            {"at", undone.at},
            {"done", undone.done},
            {"left_undone", undone.left_undone}};
}

Checked<Armed> parse_armed(std::string_view where, const json& value) {
    auto saved = parse_saved(where, value["saved"].dump());
    if (!saved) {
        return tl::unexpected(saved.error());
    }
    Armed armed{value["id"].get<std::string>(),
                value["by"].get<std::string>(),
                value["command"].get<std::string>(),
                value["since"].get<std::string>(),
                value["until"].get<std::string>(),
                value["deadline_us"].get<int64_t>(),
                std::move(*saved),
                {}};
    for (const json& file : value["boot"]) {
        armed.boot.push_back({file["path"].get<std::string>(), joined(file["content"])});
    }
    return armed;
}

}  // namespace

ordered_json to_json(const Standing& standing) {
    return {{"schema", "rehome/lbsync-armed/1"},
            {"armed", standing.armed ? to_json(*standing.armed) : ordered_json()},
            {"waits", standing.waits},
            {"undone", standing.undone ? to_json(*standing.undone) : ordered_json()}};
}

Checked<Standing> parse_standing(std::string_view where, std::string_view text) {
    const auto document = parse_json(where, text, schema);
    if (!document) {
        return tl::unexpected(document.error());
    }
    Standing standing;
    standing.waits = (*document)["waits"].get<bool>();
    if (const json& armed = (*document)["armed"]; !armed.is_null()) {
        auto parsed = parse_armed(where, armed);
        if (!parsed) {
            return tl::unexpected(parsed.error());
        }
        standing.armed = std::move(*parsed);
    }
    if (const json& undone = (*document)["undone"]; !undone.is_null()) {
        standing.undone = {undone["id"].get<std::string>(), undone["at"].get<std::string>(),
                           undone["done"].get<std::vector<std::string>>(),
                           undone["left_undone"].get<std::vector<std::string>>()};
    }
    return standing;
}

Saved renamed(Saved saved, const std::string& host) {
    for (SavedTable& table : saved.tables) {
        table.host = host;
    }
    for (SavedFile& file : saved.files) {
        file.host = host;
    }
    return saved;
}

}  // namespace rehome::lbsync
