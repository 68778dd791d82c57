#include "vipd/daemon/top.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "common/clock.h"

namespace rehome::vipd {

namespace {

using nlohmann::json;

constexpr Micros patience = 70'000'000;  // vipctl asks every 60 s at least

std::string key_text(const Address& address) {
    return address.text();
}

std::string key_text(const TopEnd& end) {
    const auto protocol = name(static_cast<Protocol>(end.protocol));
    const std::string at = end.end.port == 0 ? end.end.address.text() : end.end.text();
    return (protocol == "unknown" ? std::to_string(end.protocol) : std::string(protocol)) + " " +
           at;
}

using Tops = Observers::Tops;

template <typename Key, typename Name>
json entries_of(const Tops& tops, const SpaceSaving<Key>& (Top::*of)() const, size_t limit,
                Name name_of) {
    std::vector<const SpaceSaving<Key>*> sketches;
    for (const auto& top : tops) {
        sketches.push_back(&(top.get()->*of)());
    }
    json entries = json::array();
    for (const auto& entry : busiest<Key>(sketches, limit)) {
        entries.push_back({{"key", key_text(entry.key)},
                           {"name", name_of(entry.key)},
                           {"packets", entry.count * Top::one_in},
                           {"packets_too_many", entry.error * Top::one_in},
                           {"bytes", entry.bytes * Top::one_in}});
    }
    return entries;
}

json entries_by(const std::string& by, const Tops& tops, const Tables& tables, size_t limit) {
    const auto service_name = [&](const TopEnd& vip) {
        const ServiceTable* service = tables.service(vip.protocol, vip.end);
        return service == nullptr ? std::string() : service->config->name;
    };
    const auto server_name = [&](const TopEnd& server) {
        for (const auto& service : tables.services()) {
            if (const auto* found = service.server(server.end)) {
                return found->name;
            }
        }
        return std::string();
    };
    return by == "client"
               ? entries_of(tops, &Top::clients, limit, [](const Address&) { return ""; })
           : by == "vip" ? entries_of(tops, &Top::vips, limit, service_name)
                         : entries_of(tops, &Top::servers, limit, server_name);
}

}  // namespace

Result<> Busiest::begin_anew(bool stop, Micros now) {
    Tops fresh;
    for (size_t i = 0; !stop && i < observers_.workers().size(); ++i) {
        fresh.push_back(std::make_shared<Top>(static_cast<uint64_t>(now_us()) + i));
    }
    if (auto done = observers_.count_in(fresh); !done) {
        return done;
    }
    tops_ = std::move(fresh);
    since_ = now;
    return {};
}

Result<json> Busiest::answer(const json& request, const Tables& tables) {
    const std::string by = request.value("by", "client");
    const Micros now = monotonic_us();
    const Tops before = tops_;
    const Micros since = since_;
    const bool stop = request.value("stop", false);
    if (stop || tops_.empty() || request.value("fresh", false)) {
        if (auto done = begin_anew(stop, now); !done) {
            return tl::unexpected(done.error());
        }
    }
    until_ = now + patience;
    json answer{{"by", by},
                {"at", iso8601(now_us())},
                {"seconds", !before.empty() ? static_cast<double>(now - since) / 1e6 : 0.0},
                {"one_in", Top::one_in},
                {"entries", json::array()}};
    if (before.empty() || before == tops_) {
        return answer;  // just begun; or the workers count on: what they have is their own
    }
    uint64_t packets = 0;
    for (const auto& top : before) {
        packets += top->clients().total() * Top::one_in;
    }
    answer["packets"] = packets;
    answer["entries"] = entries_by(by, before, tables, request.value("limit", size_t{20}));
    return answer;
}

void Busiest::stop_unasked(Micros now) {
    if (!tops_.empty() && now > until_) {
        tops_.clear();
        (void)observers_.count_in({});  // a worker that does not answer is told of elsewhere
    }
}

}  // namespace rehome::vipd
