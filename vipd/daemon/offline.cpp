#include "vipd/daemon/offline.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "common/json/file.h"
#include "vipd/packet/gue.h"
#include "vipd/route/route_file.h"
#include "vipd/state/state.h"
#include "vipd/watch/why.h"

namespace rehome::vipd {

namespace {

using nlohmann::json;

constexpr Micros step = 1'000;  // between two packets

Checked<RouteFile> read_routes(const Config& config, const std::string& path) {
    if (path.empty()) {
        return RouteFile{};
    }
    const auto text = read_file(path, 1u << 30);
    if (!text) {
        return tl::unexpected(std::vector<Error>{text.error()});
    }
    std::vector<std::string> ports;
    for (const auto& port : config.ports) {
        ports.push_back(port.name);
    }
    return parse_route_file(path, *text, ports);
}

Datapath::Settings settings_of(const Config& config) {
    Datapath::Settings settings;
    settings.flows = {1024, 1024};
    for (size_t i = 0; i < config.ports.size(); ++i) {
        const Mac mac{2, 0, 0, 0, 0, static_cast<uint8_t>(i + 1)};
        settings.ports.push_back({mac, full_mtu(config, i)});
    }
    return settings;
}

}  // namespace

Checked<std::vector<json>> why_offline(const Config& config, const OfflineQuestion& question) {
    const auto routes = read_routes(config, question.routes);
    if (!routes) {
        return tl::unexpected(routes.error());
    }
    Micros now = 1'000'000'000;
    State state(config, {}, now);
    if (const auto& rules = config.access.rules; rules != nullptr && rules->decides()) {
        auto flat = flatten(*rules, config.services);
        if (!flat) {
            return tl::unexpected(std::vector<Error>{flat.error()});
        }
        state.access(
            std::make_shared<const Access>(Access{rules, plain_classifier(std::move(*flat))}));
        state.advance(now);
    }
    Datapath path(state.snapshot(), settings_of(config));
    const auto fib = std::make_shared<const Fib>(routes->routes.build());
    const auto neighbours = std::make_shared<const Neighbours>(routes->neighbours);
    path.replace_routes(fib);
    path.replace_neighbours(neighbours);
    now = std::max(now, path.snapshot().answers_from);  // it has run for a while
    std::vector<json> answers;
    for (const auto& text : question.packets) {
        const auto packet = parse_packet_text(text);
        if (!packet) {
            return tl::unexpected(std::vector<Error>{packet.error()});
        }
        const auto way = way_in(config, path.tables(), {*fib, *neighbours}, question.port, *packet);
        if (!way) {
            return tl::unexpected(std::vector<Error>{way.error()});
        }
        answers.push_back(why_offline(path, config, *packet, *way, now));
        now += step;
    }
    return answers;
}

}  // namespace rehome::vipd
