// Fuzzes what comes in by vipd's control socket (libFuzzer, ASan, UBSan): the input is a list of
// requests to one gateway, each a text or edits of one that is right, and time.
//
// Whatever is asked, it is refused with mistakes that are a clean line each, or taken: rules that
// are taken read the same once printed, orders that are given can be read again from their file,
// whom nobody else serves is known, and what is explained is of its format and names a way out of
// each trouble.
#include <algorithm>
#include <cmath>

#include <nlohmann/json.hpp>

#include "common/control_request.h"
#include "common/formats/formats.h"
#include "common/json/schema.h"
#include "tests/fuzz/json_edits.h"
#include "tests/fuzz/must.h"
#include "tests/unit/vipd/lab.h"
#include "vipd/state/left_without.h"
#include "vipd/state/orders_text.h"
#include "vipd/watch/explain_client.h"

namespace rehome::vipd::testing {

namespace {

using nlohmann::json;

const json& requests() {
    static const json all = json::parse(R"([
        {"command": "access-prepare", "base": "0", "dry_run": true, "rules": {"schema": "rehome/vipd-access/1",
            "lists": [{"name": "staff", "clients": ["100.80.0.1", "2001:db8:c::/64"]}],
            "rules": [{"name": "bots", "action": "drop", "clients": ["100.80.0.0/24", "staff"]},
                {"action": "accept", "service": "meters", "clients": ["100.80.0.2"]},
                {"action": "drop", "vips": ["203.0.113.0/24"], "ports": ["22", "60-69"], "protocol": "udp"}],
            "default": "accept",
            "limits": {"clients": {"per_s": 10, "burst": 20, "ipv6_length": 64, "except": [{"clients": ["staff"]}]},
                "services": [{"service": "meters", "per_s": 5}], "vips": [{"vip": "198.51.100.10", "per_s": 7}]},
            "admission": {"percent": 12.34, "refuse": "silence"}}},
        {"command": "access-prepare", "rules": {"schema": "rehome/vipd-access/1", "default": "drop"}},
        {"command": "placement-prepare", "rules": {"schema": "rehome/vipd-placement/1",
            "lists": [{"name": "staff", "clients": ["100.80.0.1"]}],
            "sets": [{"ranges": ["staff new", "100.80.0.0/16 old"]}, {"service": "meters", "ranges": ["0.0.0.0/0 new"]}],
            "weights": [{"sites": {"old": 50, "new": 12.34}}, {"service": "six", "by": "address-port", "sites": {"new": 1}}]}},
        {"command": "mask", "level": "server", "name": "meters/s1"},
        {"command": "weak", "level": "service", "name": "meters", "rate": 10, "quiet_s": 1, "icmp": true, "anyway": true},
        {"command": "strong", "level": "site", "name": "old", "anyway": true},
        {"command": "strong", "level": "line", "name": "red"},
        {"command": "enable", "level": "site", "name": "old"},
        {"command": "share", "percent": 33.33, "by": "address-port"},
        {"command": "explain", "client": "100.80.0.1", "vip": "meters"},
        {"command": "explain", "client": "2001:db8:c::1"},
        {"command": "explain", "client": "100.80.0.1:40000", "vip": "203.0.113.130:9"}])");
    return all;
}

bool clean(const std::string& text, const char* allowed = "") {
    return std::none_of(text.begin(), text.end(), [&](char c) {
        return c >= 0 && c < ' ' && std::string_view(allowed).find(c) == std::string_view::npos;
    });
}

void check_mistakes(const std::vector<Error>& mistakes) {
    must(!mistakes.empty());
    for (const Error& mistake : mistakes) {
        must(mistake.kind == Exit::usage && clean(mistake.text()));
    }
}

const Config& config() {
    static const Config made = with_lines(every_forwarding(), true);
    return made;
}

class Gateway {
public:
    Gateway() : act_(config(), settings(), now_) {
        RouteTable table;
        table.set({*Prefix::parse("10.1.0.0/16"), 0}, {servers_port, {}});
        table.set({*Prefix::parse("2001:db8:a::/64"), 0}, {servers_port, {}});
        table.set({*Prefix::parse("10.99.0.0/24"), 0}, {link_port, {}});
        table.set({*Prefix::parse("100.80.0.0/16"), 0}, {red, config().lines[0].peer});
        routes_ = std::make_shared<const Fib>(table.build());
        act_.path.replace_routes(routes_);
        Sink sink;
        sink.emit = [](std::span<const uint8_t>, uint32_t) {};
        act_.set_sink(std::move(sink));
    }

    void pass(Micros time) {
        now_ += time;
        act_.follow(now_);
        act_.path.tick(now_, [](const Flow&) {});
        // A client that is served, or is not any more.
        Buffer buffer(make_frame(to_meters(end("100.80.0.1:40000"))));
        act_.path.handle(buffer.frame, red, now_);
    }

    void ask(const json& request) {
        const std::string wrong = wrong_request("request", request);
        must(clean(wrong, "\n"));
        if (!wrong.empty()) {
            return;
        }
        const std::string command = request["command"];
        if (command == "access-prepare") {
            access(request["rules"], request.contains("base"));
        } else if (command == "placement-prepare") {
            placement(request["rules"], request.contains("base"));
        } else if (command == "share") {
            if (request.contains("percent")) {
                const auto part =
                    static_cast<uint32_t>(std::lround(request["percent"].get<double>() * 100));
                act_.state.order(ShareOrder{{part, ShareBy::address}, {}});
            }
        } else if (command == "explain") {
            explain(request);
        } else if (request.contains("level")) {
            disable(request);
        }
        act_.follow(now_);
    }

    void check_stored() const {
        Stored stored;
        stored.gateway = config().gateway;
        stored.move = config().move;
        stored.orders = act_.state.orders();
        for (auto& [target, order] : stored.orders.disabled) {
            order.id = 0;  // of one run
        }
        const auto read = parse_orders("f", orders_text(stored));
        must(read && read->orders == stored.orders);
    }

private:
    static Datapath::Settings settings() {
        Datapath::Settings made;
        made.flows = {64, 64};
        made.hash_key = 7;
        made.ports.assign(config().ports.size(), PortLink{{}, 1600});
        return made;
    }

    std::vector<std::string> services() const {
        std::vector<std::string> names;
        for (const ServiceConfig& service : config().services) {
            names.push_back(service.name);
        }
        return names;
    }

    void access(const json& document, bool here) {
        const auto names = services();
        const auto rules = read_access("f", "", document, here ? &names : nullptr);
        if (!rules) {
            return check_mistakes(rules.error());
        }
        const auto again = read_access("f", "", *(*rules)->document, nullptr);
        must(again && (*again)->digest == (*rules)->digest);
        must((*rules)->admission.hundredths <= 10'000);
        const auto flat = flatten(**rules, config().services);
        if (!flat) {
            return check_mistakes({flat.error()});
        }
        act_.state.order(AccessOrder{*rules, {}}, (*rules)->decides()
                                                      ? std::make_shared<const Access>(
                                                            Access{*rules, plain_classifier(*flat)})
                                                      : nullptr);
    }

    void placement(const json& document, bool here) {
        const PlacementNames names{{"old", "new"}, services()};
        const auto rules =
            read_placement("f", "", document, here ? std::optional(names) : std::nullopt);
        if (!rules) {
            return check_mistakes(rules.error());
        }
        const auto again = read_placement("f", "", *(*rules)->document, std::nullopt);
        must(again && (*again)->digest == (*rules)->digest);
        act_.state.order(PlacementOrder{*rules, {}});
    }

    // As the daemon does, but for who has asked.
    void disable(const json& request) {
        const DisableTarget target{*level_of(request["level"].get<std::string>()), request["name"]};
        if (!Disabled::knows(target, *act_.state.snapshot()->tables)) {
            return;
        }
        const auto mode = disable_mode_of(request["command"].get<std::string>());
        if (!mode) {
            act_.state.enable(target, {});
            return;
        }
        DisableOrder order;
        order.mode = *mode;
        order.rate_per_s = request.value("rate", 0.0);
        order.quiet_s = request.value("quiet_s", 0.0);
        order.icmp = request.value("icmp", false);
        order.anyway = request.value("anyway", false);
        must(order.mode != DisableMode::weak || order.rate_per_s > 0);
        for (const std::string& service : left_without(*act_.state.snapshot(), target)) {
            const auto names = services();
            must(std::count(names.begin(), names.end(), service) == 1);
        }
        act_.state.disable(target, order);
    }

    void explain(const json& request) {
        const Snapshot& snapshot = *act_.state.snapshot();
        const auto wanted =
            wanted_by(*snapshot.tables, request["client"], request.value("vip", ""));
        if (!wanted) {
            return check_mistakes({wanted.error()});
        }
        static const Neighbours neighbours;
        const Live live{snapshot,
                        *routes_,
                        neighbours,
                        "vipd.json",
                        "",
                        [&](TextPacket packet, const WayIn& way) -> Result<BothWays> {
                            packet.vlan = way.vlan;
                            return why_both(act_.path, config(), packet, way, now_);
                        }};
        json vips = json::array();
        for (const Wanted& each : *wanted) {
            const auto explained = explain_client(live, each);
            if (!explained) {
                return check_mistakes({explained.error()});
            }
            for (const json& cause : explained->at("causes")) {
                must(!cause["text"].get<std::string>().empty());
                must(!cause["mend"].get<std::string>().empty());
            }
            must((*explained)["served"] == "yes" || (*explained)["served"] == "unknown" ||
                 !explained->at("causes").empty());
            vips.push_back(*explained);
        }
        const json told{{"schema", "rehome/vipd-explain/1"},
                        {"at", ""},
                        {"gateway", config().gateway},
                        {"site", config().site},
                        {"client", request["client"]},
                        {"flows", json::array()},
                        {"vips", vips}};
        Mistakes mistakes{"told"};
        check_schema(mistakes, told, find_format("vipd-explain")->schema);
        must(mistakes.none());
    }

    Micros now_ = 1'000'000'000;
    Act act_;
    std::shared_ptr<const Fib> routes_;
};

void play(std::span<const uint8_t> input) {
    Gateway gateway;
    while (input.size() >= 2) {
        const uint8_t what = input[0];
        const size_t size = std::min<size_t>(input[1], input.size() - 2);
        const auto said = input.subspan(2, size);
        input = input.subspan(2 + size);
        if (what >= 250) {
            gateway.pass(Micros{1} << what % 8 * 4);
        } else if (what >= 240) {
            const json text = json::parse(said.begin(), said.end(), nullptr, false);
            gateway.ask(text);  // what is no JSON at all, too
        } else {
            gateway.ask(fuzz::edited(requests()[what % requests().size()], said));
        }
    }
    gateway.check_stored();
}

}  // namespace

}  // namespace rehome::vipd::testing

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    rehome::vipd::testing::play({data, size});
    return 0;
}
