// Access rules, limits and admission, which all gateways get alike, in the two steps of
// held_ready.h.  What DPDK's classifier is to read is built aside, while the one before serves: it
// takes up to a second or so.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "common/clock.h"
#include "vipd/daemon/daemon.h"
#include "vipd/path/access.h"

namespace rehome::vipd {

namespace {

using nlohmann::json;

constexpr uint64_t places_at_once = 4096;

std::string all_of(const std::vector<Error>& errors) {
    std::string text;
    for (const auto& error : errors) {
        text += (text.empty() ? "" : "\n") + error.text();
    }
    return text;
}

// Whether the same rules decide alike for both.
bool decide_alike(const AccessRules& rules, const std::vector<ServiceConfig>& a,
                  const std::vector<ServiceConfig>& b) {
    const bool by_service = std::any_of(rules.rules.begin(), rules.rules.end(),
                                        [](const AccessRule& one) { return !one.service.empty(); });
    return !by_service || same_targets(a, b);
}

// What each rule has decided, and the default behind them.
json decided_by(const AccessRules& rules, const std::vector<uint64_t>& packets) {
    json decided = json::array();
    const size_t count = rules.rules.size();
    for (size_t i = 0; i <= count; ++i) {
        const size_t counter =
            Access::counter_of(i < count ? static_cast<uint32_t>(i) : Classifier::none);
        const bool drops = i < count ? rules.rules[i].drops : rules.drops_others;
        decided.push_back({{"rule", rules.name_of(static_cast<uint32_t>(i))},
                           {"action", drops ? "drop" : "accept"},
                           {"packets", counter < packets.size() ? packets[counter] : 0}});
    }
    return decided;
}

json built_json(const Access* access) {
    return access == nullptr ? json{{"expanded", 0}, {"build_s", 0.0}, {"mib", 0.0}}
                             : json{{"expanded", access->flat_rules},
                                    {"build_s", static_cast<double>(access->built_in) / 1e6},
                                    {"mib", static_cast<double>(access->bytes) / (1 << 20)}};
}

}  // namespace

Result<> Daemon::build_access() {
    const auto& rules = state_.access_rules();
    if (rules == nullptr || !rules->decides()) {
        return {};
    }
    auto made = make_access(rules, state_.config().services);
    if (!made) {
        return tl::unexpected(made.error());
    }
    state_.access(std::move(*made));
    return {};
}

void Daemon::with_access(std::shared_ptr<const AccessRules> rules,
                         std::shared_ptr<const Config> config, const Reply& reply,
                         std::function<void(BuiltAccess)> goes_on) {
    const auto& in_force = state_.access();
    if (rules == nullptr || !rules->decides()) {
        goes_on({std::move(rules), nullptr, std::move(config)});
        return;
    }
    if (in_force != nullptr && in_force->rules->rules_digest == rules->rules_digest &&
        decide_alike(*rules, config->services, state_.config().services)) {
        goes_on({std::move(rules), in_force, std::move(config)});
        return;
    }
    if (access_builder_.busy()) {
        reply.refuse("access rules are being built, expected another try in a second");
        return;
    }
    access_builder_.start(
        rules, config->services,
        [rules, config, reply, goes_on = std::move(goes_on)](const AccessBuilder::Made& made) {
            made ? goes_on({rules, *made, config}) : reply.refuse(made.error());
        });
}

// What is in force, what it has decided so far, and who else is to have it.
json Daemon::access() {
    const auto sums = this->sums();
    const auto& rules = state_.access_rules();
    json told = access_state(sums ? &*sums : nullptr);
    told["rules"] = rules == nullptr ? no_access() : *rules->document;
    told["decided"] = rules == nullptr || !sums ? json::array() : decided_by(*rules, sums->access);
    told["gateways"] = gateways();
    return told;
}

json Daemon::access_state(const Sums* sums) const {
    const auto& rules = state_.access_rules();
    const auto dropped = [&](Drop drop) {
        return sums == nullptr ? json() : json(sums->drops[static_cast<size_t>(drop)]);
    };
    json told = built_json(state_.access().get());
    told["digest"] = digest_text(rules == nullptr ? 0 : rules->digest);
    told["rule_count"] = rules == nullptr ? 0 : rules->rules.size();
    told["default"] = rules != nullptr && rules->drops_others ? "drop" : "accept";
    told["admitted_percent"] = rules == nullptr ? 100.0 : rules->admission.hundredths / 100.0;
    told["cut_flows"] = sums == nullptr ? json() : json(sums->barred_flows);
    told["looking"] = sums == nullptr ? json() : json(sums->sweeping);
    told["not_here"] = rules == nullptr ? json::array() : not_here(rules->named_services(), {});
    told["turned_away"] = {{"access", dropped(Drop::access)},
                           {"client_limit", dropped(Drop::client_limit)},
                           {"service_limit", dropped(Drop::service_limit)},
                           {"vip_limit", dropped(Drop::vip_limit)},
                           {"not_admitted", dropped(Drop::not_admitted)}};
    return told;
}

// Services are looked for where the order is given alone: another gateway may lack one.
void Daemon::prepare_access(const json& request, const Reply& reply) {
    const bool dry = request.value("dry_run", false);
    if (const auto free = prepared_access_.is_free(monotonic_us()); !free && !dry) {
        reply.refuse(free.error());
        return;
    }
    std::vector<std::string> services;
    for (const auto& service : state_.config().services) {
        services.push_back(service.name);
    }
    const bool here = request.contains("base");
    const auto& now = state_.access_rules();
    if (now != nullptr) {  // what is in force names may stay
        const auto named = now->named_services();
        services.insert(services.end(), named.begin(), named.end());
    }
    if (here && request["base"] != digest_text(now == nullptr ? 0 : now->digest)) {
        reply.refuse("the rules were changed meanwhile, expected another try");
        return;
    }
    const auto rules = read_access("access", "", request["rules"], here ? &services : nullptr);
    if (!rules) {
        reply.refuse(all_of(rules.error()), Exit::usage);
        return;
    }
    with_access(
        *rules, std::make_shared<const Config>(state_.config()), reply,
        [this, reply, dry](const BuiltAccess& built) {
            json answer = built_json(built.access.get());
            answer["digest"] = digest_text(built.rules->digest);
            answer["rule_count"] = built.rules->rules.size();
            if (!dry) {
                prepared_access_.hold(built, built.rules->digest, reply.uid(), monotonic_us());
                reply.done(answer);
            } else if (built.access == nullptr) {
                answer["would_cut"] = 0;
                reply.done(answer);
            } else if (counting_) {
                reply.refuse("flows are being counted for another, expected another try");
            } else {
                counting_ = Counting{built.access, [reply, answer](const Result<uint64_t>& flows) {
                                         json told = answer;
                                         told["would_cut"] = flows ? json(*flows) : json();
                                         reply.done(told);
                                     }};
            }
        });
}

// A piece of one worker's flows at a time, so that nobody waits for all of them.
void Daemon::count_some_flows() {
    if (!counting_) {
        return;
    }
    bool more = false;
    const auto asked = workers_[counting_->worker]->ask([&](Datapath& d) {
        more = would_bar(*counting_->access, d.flows(), counting_->place,
                         counting_->place + places_at_once, counting_->flows);
    });
    if (asked && !more) {
        ++counting_->worker;
        counting_->place = 0;
    }
    if (!asked || counting_->worker == workers_.size()) {
        const auto done = std::move(counting_->done);
        const auto flows =
            asked ? Result<uint64_t>(counting_->flows) : tl::unexpected(asked.error());
        counting_.reset();
        done(flows);
    }
}

void Daemon::commit_access(const json& request, const Reply& reply) {
    const std::string digest = request["digest"];
    const auto& before = state_.orders().access;
    const BuiltAccess* ready = prepared_access_.find(digest);
    if (ready == nullptr && !(before && digest_text(before->rules->digest) == digest)) {
        reply.refuse("these rules are not held ready, expected access-prepare before");
        return;
    }
    if (ready != nullptr &&
        !decide_alike(*ready->rules, ready->config->services, state_.config().services)) {
        prepared_access_.drop(digest);
        reply.refuse("the services were changed meanwhile, expected another try");
        return;
    }
    const BuiltAccess built =
        ready != nullptr ? *ready : BuiltAccess{before->rules, state_.access(), nullptr};
    prepared_access_.drop(digest);
    const json told = built_json(built.access.get());
    when_in_force(state_.order(AccessOrder{built.rules, {now_us(), reply.uid()}}, built.access),
                  reply, [digest, told] {
                      json answer = told;
                      answer["digest"] = digest;
                      return answer;
                  });
}

json Daemon::drop_access(const json& request) {
    prepared_access_.drop(request["digest"]);
    const auto& rules = state_.access_rules();
    return {{"digest", digest_text(rules == nullptr ? 0 : rules->digest)}};
}

}  // namespace rehome::vipd
