// The busiest clients, VIPs and servers.  Each question that says `fresh` takes what was counted
// and has the worker begin anew; sampling ends when nobody asks any more.
#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "common/clock.h"
#include "vipd/daemon/daemon.h"

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

using Tops = std::vector<std::shared_ptr<Top>>;

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

}  // namespace

Result<json> Daemon::top(const json& request) {
    const std::string by = request.value("by", "client");
    if (by != "client" && by != "vip" && by != "server") {
        return fail(Exit::usage, "", "expected by client, vip or server");
    }
    const Micros now = monotonic_us();
    const Tops before = tops_;
    const Micros since = top_since_;
    const bool stop = request.value("stop", false);
    if (stop || tops_.empty() || request.value("fresh", false)) {
        tops_.clear();
        for (size_t i = 0; !stop && i < workers_.size(); ++i) {
            tops_.push_back(std::make_shared<Top>(static_cast<uint64_t>(now_us()) + i));
        }
        top_since_ = now;
        if (auto done = observe(capture_.has_value()); !done) {
            tops_ = before;
            return tl::unexpected(done.error());
        }
    }
    top_until_ = now + patience;
    json answer{{"by", by},
                {"at", iso8601(now_us())},
                {"seconds", !before.empty() ? static_cast<double>(now - since) / 1e6 : 0.0},
                {"one_in", Top::one_in},
                {"entries", json::array()}};
    if (before.empty() || before == tops_) {
        return answer;  // just begun; or the worker counts on: what it has is its own
    }
    const size_t limit = std::min<size_t>(request.value("limit", 20U), Top::counters);
    const auto service_name = [&](const TopEnd& vip) {
        const ServiceTable* service = tables().service(vip.protocol, vip.end);
        return service == nullptr ? std::string() : service->config.name;
    };
    const auto server_name = [&](const TopEnd& server) {
        for (const auto& service : tables().services()) {
            if (const auto* found = service.server(server.end)) {
                return found->name;
            }
        }
        return std::string();
    };
    uint64_t packets = 0;
    for (const auto& top : before) {
        packets += top->clients().total() * Top::one_in;
    }
    answer["packets"] = packets;
    answer["entries"] =
        by == "client" ? entries_of(before, &Top::clients, limit, [](const Address&) { return ""; })
        : by == "vip"  ? entries_of(before, &Top::vips, limit, service_name)
                       : entries_of(before, &Top::servers, limit, server_name);
    return answer;
}

}  // namespace rehome::vipd
