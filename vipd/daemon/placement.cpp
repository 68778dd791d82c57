// The rules of placement, which all gateways get alike, in two steps: first every gateway is asked
// to hold them ready (held_ready.h), then each is told that they are in force.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "common/clock.h"
#include "vipd/daemon/daemon.h"

namespace rehome::vipd {

namespace {

using nlohmann::json;

std::string all_of(const std::vector<Error>& errors) {
    std::string text;
    for (const auto& error : errors) {
        text += (text.empty() ? "" : "\n") + error.text();
    }
    return text;
}

}  // namespace

// Who is to have an order that all gateways get, by this one's knowledge.
json Daemon::gateways() const {
    json gateways = json::array({{{"gateway", config().gateway}, {"here", true}}});
    for (const PeerConfig& peer : config().peers) {
        gateways.push_back({{"gateway", peer.gateway},
                            {"here", false},
                            {"host", peer.host},
                            {"socket", peer.socket}});
    }
    return gateways;
}

// What is in force, and who else is to have it.
json Daemon::placement() const {
    const auto& order = state_.orders().placement;
    return {{"digest", digest_text(order ? order->rules->digest : 0)},
            {"rules", order ? *order->rules->document : no_placement()},
            {"gateways", gateways()}};
}

json Daemon::placement_state() const {
    static const PlacementRules none;
    const auto& order = state_.orders().placement;
    const PlacementRules& rules = order ? *order->rules : none;
    size_t ranges = 0;
    for (const PlacementRules::Set& set : rules.sets) {
        ranges += set.clients.size();
    }
    return {{"digest", digest_text(rules.digest)},
            {"ranges", ranges},
            {"weights", rules.weights.size()},
            {"not_here", not_here(rules.named_services(), rules.named_sites())}};
}

json Daemon::not_here(const std::set<std::string>& services,
                      const std::set<std::string>& sites) const {
    json missing = json::array();
    const auto look = [&](const char* level, const std::set<std::string>& names,
                          const std::set<std::string_view>& known) {
        for (const std::string& name : names) {
            if (!known.contains(name)) {
                missing.push_back(fmt::format("{} {}", level, name));
            }
        }
    };
    std::set<std::string_view> known;
    for (const ServiceConfig& service : config().services) {
        known.insert(service.name);
    }
    look("service", services, known);
    look("site", sites, {tables().sites().begin(), tables().sites().end()});
    return missing;
}

// Services are looked for where the order is given alone: another gateway may lack one.
Result<json> Daemon::prepare_placement(const json& request, uint32_t uid) {
    const Micros now = monotonic_us();
    if (const auto free = prepared_.is_free(now); !free) {
        return tl::unexpected(free.error());
    }
    PlacementNames names{tables().sites(), std::nullopt};
    if (request.contains("base")) {
        names.services.emplace();
        for (const auto& service : tables().services()) {
            names.services->push_back(service.config->name);
        }
        if (const auto& in_force = state_.orders().placement) {  // what is in force names may stay
            const auto named = in_force->rules->named_services();
            names.services->insert(names.services->end(), named.begin(), named.end());
        }
        if (request["base"] != placement()["digest"]) {
            return fail(Exit::no, "", "the rules were changed meanwhile, expected another try");
        }
    }
    const auto rules = read_placement("placement", "", request["rules"], names);
    if (!rules) {
        return fail(Exit::usage, "", all_of(rules.error()));
    }
    if ((*rules)->concerns_all() && !tables().maps().empty() &&
        !request.value("break-maps", false)) {
        return fail(Exit::no, "",
                    "maps keep no state (" + tables().maps().front().name +
                        " among them): what places all services moves their live flows to another "
                        "server, which breaks them, expected --break-maps");
    }
    prepared_.hold(*rules, (*rules)->digest, uid, now);
    return json{{"digest", digest_text((*rules)->digest)}};
}

void Daemon::commit_placement(const json& request, const Reply& reply) {
    const auto& before = state_.orders().placement;
    const bool in_force = before && digest_text(before->rules->digest) == request["digest"];
    const auto* ready = prepared_.find(request["digest"]);
    if (ready == nullptr && !in_force) {
        reply.refuse("these rules are not held ready, expected placement-prepare before");
        return;
    }
    const auto rules = ready != nullptr ? *ready : before->rules;
    prepared_.drop(request["digest"]);
    when_in_force(state_.order(PlacementOrder{rules, {now_us(), reply.uid()}}), reply,
                  [digest = rules->digest] {
                      return json{{"digest", digest_text(digest)}};
                  });
}

json Daemon::drop_placement(const json& request) {
    prepared_.drop(request["digest"]);
    return {{"digest", placement()["digest"]}};
}

}  // namespace rehome::vipd
