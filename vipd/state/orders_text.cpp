#include "vipd/state/orders_text.h"

#include <fmt/format.h>

#include <cmath>

#include <nlohmann/json.hpp>

#include "common/clock.h"
#include "common/json/file.h"

namespace rehome::vipd {

namespace {

using nlohmann::json;

constexpr std::string_view schema =
#include "common/formats/vipd-orders.schema.inc"
    ;

json with(json order, const Said& said) {
    order["at"] = iso8601(said.at_us);
    order["uid"] = said.uid;
    return order;
}

// What the schema has checked cannot fail, but for a time like the 31st of February.
int64_t time_of(const json& text, std::string_view pointer, Mistakes& mistakes) {
    const auto time = parse_iso8601(text.get<std::string>());
    if (!time) {
        mistakes.add(pointer, time.error().what);
    }
    return time.value_or(0);
}

Said said_of(const json& order, std::string_view pointer, Mistakes& mistakes) {
    return {time_of(order["at"], pointer_to(pointer, "at"), mistakes), order["uid"]};
}

json disabled_json(const DisableTarget& target, const DisableOrder& order) {
    json out{{"level", name(target.level)}, {"name", target.name}, {"mode", name(order.mode)}};
    if (order.anyway) {
        out["anyway"] = true;
    }
    if (order.mode == DisableMode::weak) {
        out["rate"] = order.rate_per_s;
        out["course"] = order.runs() ? "running" : "done";
        if (order.quiet_s > 0) {
            out["quiet_s"] = order.quiet_s;
        }
        if (order.icmp) {
            out["icmp"] = true;
        }
    }
    return with(out, order.said);
}

json access_brief(const AccessRules& rules) {
    const LimitRules& limits = rules.limits;
    return {{"digest", fmt::format("{:016x}", rules.digest)},
            {"rules", rules.rules.size()},
            {"default", rules.drops_others ? "drop" : "accept"},
            {"limits", limits.services.size() + limits.vips.size() + (limits.clients ? 1 : 0)},
            {"admitted_percent", rules.admission.hundredths / 100.0}};
}

json placement_brief(const PlacementRules& rules) {
    size_t ranges = 0;
    for (const PlacementRules::Set& set : rules.sets) {
        ranges += set.clients.size();
    }
    json weights = json::array();
    for (const PlacementRules::Weights& each : rules.weights) {
        std::string text = each.service;
        for (const PlacementRules::Weight& weight : each.sites) {
            text += fmt::format("{}{}={:g}", text.empty() ? "" : " ", weight.site,
                                weight.hundredths / 100.0);
        }
        weights.push_back(text);
    }
    return {
        {"digest", fmt::format("{:016x}", rules.digest)}, {"ranges", ranges}, {"weights", weights}};
}

DisableOrder disabled_of(const json& order, std::string_view pointer, Mistakes& mistakes) {
    DisableOrder out;
    out.mode = *disable_mode_of(order["mode"].get<std::string>());
    out.anyway = order.value("anyway", false);
    out.said = said_of(order, pointer, mistakes);
    if (out.mode != DisableMode::weak) {
        return out;
    }
    if (!order.contains("rate")) {
        mistakes.add(pointer, "is weak and has no rate");
    }
    out.rate_per_s = order.value("rate", 0.0);
    out.quiet_s = order.value("quiet_s", 0.0);
    out.icmp = order.value("icmp", false);
    out.course = order.value("course", "running") == "done" ? DisableOrder::Course::done
                                                            : DisableOrder::Course::running;
    return out;
}

// Before there was `disabled`, a line that was disabled stood among the lines.
void add_line(Orders& orders, const json& line, std::string_view pointer, Mistakes& mistakes) {
    const std::string carrier = line["carrier"];
    const DisableTarget target{Level::line, carrier};
    const Said said = said_of(line, pointer, mistakes);
    bool added = false;
    if (line["enabled"] == true) {
        added =
            !orders.disabled.contains(target) && orders.enabled_lines.emplace(carrier, said).second;
    } else {
        DisableOrder order;
        order.said = said;
        order.anyway = true;
        added = !orders.enabled_lines.contains(carrier) &&
                orders.disabled.emplace(target, order).second;
    }
    if (!added) {
        mistakes.add(pointer, "a second order for this carrier, expected one");
    }
}

Orders orders_of(const json& document, Mistakes& mistakes) {
    Orders orders;
    if (document.contains("share")) {
        const json& share = document["share"];
        const auto by = share["by"] == "address" ? ShareBy::address : ShareBy::address_port;
        const auto hundredths =
            static_cast<uint32_t>(std::lround(share["percent"].get<double>() * 100));
        orders.share = {{hundredths, by}, said_of(share, "/share", mistakes)};
    }
    const json disabled = document.value("disabled", json::array());
    for (size_t i = 0; i < disabled.size(); ++i) {
        const auto pointer = pointer_to("/disabled", i);
        const DisableTarget target{*level_of(disabled[i]["level"].get<std::string>()),
                                   disabled[i]["name"]};
        const auto order = disabled_of(disabled[i], pointer, mistakes);
        if (!orders.disabled.emplace(target, order).second) {
            mistakes.add(pointer, "a second order for this, expected one");
        }
    }
    for (size_t i = 0; i < document["lines"].size(); ++i) {
        add_line(orders, document["lines"][i], pointer_to("/lines", i), mistakes);
    }
    if (document.contains("placement")) {
        const json& order = document["placement"];
        const auto rules = read_placement("the rules", "", order["rules"], {});
        for (const Error& error : rules ? std::vector<Error>{} : rules.error()) {
            mistakes.add("/placement/rules", error.text());
        }
        if (rules) {
            orders.placement = {*rules, said_of(order, "/placement", mistakes)};
        }
    }
    if (document.contains("access")) {
        const json& order = document["access"];
        const auto rules = read_access("the rules", "", order["rules"], nullptr);
        for (const Error& error : rules ? std::vector<Error>{} : rules.error()) {
            mistakes.add("/access/rules", error.text());
        }
        if (rules) {
            orders.access = {*rules, said_of(order, "/access", mistakes)};
        }
    }
    return orders;
}

}  // namespace

json share_json(const Share& share) {
    return {{"percent", share.hundredths / 100.0},
            {"by", share.by == ShareBy::address ? "address" : "address-port"}};
}

json orders_json(const Orders& orders, bool brief) {
    json document{{"lines", json::array()}};
    if (orders.share) {
        document["share"] = with(share_json(orders.share->share), orders.share->said);
    }
    if (orders.placement) {
        const PlacementRules& rules = *orders.placement->rules;
        document["placement"] =
            with(brief ? placement_brief(rules) : json{{"rules", *rules.document}},
                 orders.placement->said);
    }
    if (orders.access) {
        const AccessRules& rules = *orders.access->rules;
        document["access"] = with(brief ? access_brief(rules) : json{{"rules", *rules.document}},
                                  orders.access->said);
    }
    if (!orders.disabled.empty() || brief) {
        document["disabled"] = json::array();
    }
    for (const auto& [carrier, said] : orders.enabled_lines) {
        const json line = brief ? json{{"level", "line"}, {"name", carrier}, {"mode", "enabled"}}
                                : json{{"carrier", carrier}, {"enabled", true}};
        document[brief ? "disabled" : "lines"].push_back(with(line, said));
    }
    for (const auto& [target, order] : orders.disabled) {
        document["disabled"].push_back(disabled_json(target, order));
    }
    return document;
}

std::string orders_text(const Stored& stored) {
    const auto& [gateway, move, alive_at_us, confirmed, orders] = stored;
    json document = orders_json(orders, false);
    document.update({{"schema", "rehome/vipd-orders/1"},
                     {"gateway", gateway},
                     {"move", {{"from", move.from}, {"to", move.to}}},
                     {"alive_at", iso8601(alive_at_us)},
                     {"confirmed", confirmed}});
    document["move"]["id"] = fmt::format("{:016x}", move.id);
    if (!move.name.empty()) {
        document["move"]["name"] = move.name;
    }
    return document.dump(2) + "\n";
}

Checked<Stored> parse_orders(std::string_view file, std::string_view text) {
    const auto document = parse_json(file, text, schema);
    if (!document) {
        return tl::unexpected(document.error());
    }
    Mistakes mistakes{std::string(file)};
    const json& move = (*document)["move"];
    Stored stored;
    stored.gateway = (*document)["gateway"];
    stored.move = {move.value("name", ""), move["from"], move["to"],
                   std::stoull(move["id"].get<std::string>(), nullptr, 16)};
    stored.alive_at_us = time_of((*document)["alive_at"], "/alive_at", mistakes);
    stored.confirmed = (*document)["confirmed"];
    stored.orders = orders_of(*document, mistakes);
    if (!mistakes.none()) {
        return tl::unexpected(mistakes.take());
    }
    return stored;
}

}  // namespace rehome::vipd
