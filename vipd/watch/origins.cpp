#include "vipd/watch/origins.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "common/clock.h"
#include "vipd/state/orders_text.h"

namespace rehome::vipd {

namespace {

using nlohmann::json;

json setting(const std::string& name, const json& value, const char* from) {
    return {{"setting", name}, {"value", value}, {"from", from}};
}

json ordered(const std::string& name, const json& value, const Said& said) {
    json row = setting(name, value, "order");
    row["at"] = iso8601(said.at_us);
    row["uid"] = said.uid;
    return row;
}

// Long lists are told by their length: they are the file's as a whole.
void add_configured(json& rows, const json& in_force, const json& file) {
    for (const auto& [key, value] : in_force.items()) {
        if (value.is_array()) {
            if (key != "lines") {
                rows.push_back(setting(key, value.size(), file.contains(key) ? "file" : "default"));
            }
            continue;
        }
        const json parts = value.is_object() ? value.flatten() : json{{"", value}};
        for (const auto& [part, single] : parts.items()) {
            std::string path = key;
            path.append(part);
            const json::json_pointer at("/" + path);
            rows.push_back(setting(path, single, file.contains(at) ? "file" : "default"));
        }
    }
}

}  // namespace

json origins_json(const State& state, const json& in_force, const json& file) {
    const Snapshot& snapshot = *state.snapshot();
    const Orders& orders = state.orders();
    json rows = json::array();
    const json share = share_json(snapshot.share);
    rows.push_back(orders.share ? ordered("share", share, orders.share->said)
                                : setting("share", share, "default"));
    if (orders.placement) {
        rows.push_back(ordered("placement", fmt::format("{:016x}", orders.placement->rules->digest),
                               orders.placement->said));
    }
    if (orders.access) {
        rows.push_back(ordered("access", fmt::format("{:016x}", orders.access->rules->digest),
                               orders.access->said));
    }
    for (size_t i = 0; i < snapshot.lines.size(); ++i) {
        const std::string carrier = snapshot.config->lines[i].carrier;
        const auto enabled = orders.enabled_lines.find(carrier);
        const auto disabled = orders.disabled.find({Level::line, carrier});
        const std::string setting_name = "lines/" + carrier;
        const auto line = name(snapshot.line(i));
        rows.push_back(
            disabled != orders.disabled.end() ? ordered(setting_name, line, disabled->second.said)
            : enabled != orders.enabled_lines.end() ? ordered(setting_name, line, enabled->second)
                                                    : setting(setting_name, line, "file"));
    }
    for (const auto& [target, order] : orders.disabled) {
        rows.push_back(
            ordered("disabled/" + target.text(), std::string(name(order.mode)), order.said));
    }
    add_configured(rows, in_force, file);
    return {{"settings", rows}};
}

}  // namespace rehome::vipd
