#include "vipd/watch/causes.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "vipd/packet/drop.h"

namespace rehome::vipd {

namespace {

using nlohmann::json;

// Servers and what is wrong with them: the first three, as a service may have thousands.
class Few {
public:
    void add(const std::string& server, const std::string& why) {
        if (count_++ < shown) {
            text_ += fmt::format("{}{} ({})", text_.empty() ? "" : ", ", server, why);
        }
    }
    bool empty() const { return count_ == 0; }
    std::string text() const {
        return count_ > shown ? fmt::format("{} and {} more", text_, count_ - shown) : text_;
    }

private:
    static constexpr size_t shown = 3;
    std::string text_;
    size_t count_ = 0;
};

class Search {
public:
    explicit Search(const Evidence& evidence)
        : evidence_(evidence),
          snapshot_(evidence.live.snapshot),
          config_(*snapshot_.config),
          tables_(*snapshot_.tables) {}

    std::vector<Cause> all() {
        announced();
        placed();
        for (const BothWays& ways : evidence_.tries) {
            of(ways.in, false);
            if (ways.back) {
                of(*ways.back, true);
            }
        }
        doubtful();
        line();
        peers_differ();
        std::stable_sort(causes_.begin(), causes_.end(),
                         [](const Cause& a, const Cause& b) { return a.serves < b.serves; });
        return std::move(causes_);
    }

private:
    void add(const char* cause, std::string text, std::string mend, bool serves = false) {
        const bool known = std::any_of(causes_.begin(), causes_.end(), [&](const Cause& other) {
            return other.cause == cause && other.text == text;
        });
        if (!known) {
            causes_.push_back({cause, std::move(text), std::move(mend), serves});
        }
    }

    // Of a port's device, without link.
    std::string set_up(size_t port) const {
        const std::string& device = config_.ports[port].device.interface;
        return device.empty() ? "vipctl status" : fmt::format("ip link set {} up", device);
    }

    std::string write(const std::string& what) const {
        return fmt::format("write {} in {}, then `vipctl reload`", what,
                           evidence_.live.config_path);
    }

    // Nobody gets here whose carriers were not told of the prefix.
    void announced() {
        const Prefix* prefix = nullptr;
        for (const Prefix& each : tables_.prefixes()) {
            prefix = each.contains(evidence_.wanted.vip.address) ? &each : prefix;
        }
        if (prefix == nullptr) {
            add("no_prefix",
                fmt::format("{} lies in no prefix that this gateway may serve",
                            evidence_.wanted.vip.address.text()),
                write("its prefix into the inventory"));
        } else if (!snapshot_.holds_routes) {
            add("unconfirmed",
                fmt::format("{} is not announced: vipd was away for long, and nobody has confirmed "
                            "that its orders hold",
                            prefix->text()),
                "vipctl confirm");
        } else if (!evidence_.live.trouble.empty()) {
            add("not_announced",
                fmt::format("{}'s route in the kernel is not as it should be: {}", prefix->text(),
                            evidence_.live.trouble),
                fmt::format("ip route show {}", prefix->text()));
        } else if (!snapshot_.served->has(*prefix)) {
            not_served(*prefix);
        }
    }

    // No service in it can be served: the one that is asked about tells why.
    void not_served(const Prefix& prefix) {
        const std::string text = fmt::format("{} is not announced", prefix.text());
        if (evidence_.service == nullptr) {
            add("not_announced", text + ": nothing in it can be served",
                write("services with live servers"));
        } else if (!evidence_.service->has_live_server()) {
            no_server(text + ": ");
        } else {
            add("not_announced", text + ": no port that leads to its servers has a link",
                downed_ports());
        }
    }

    std::string downed_ports() const {
        std::string commands;
        for (size_t i = 0; i < snapshot_.ports.size(); ++i) {
            if (!snapshot_.ports[i].up) {
                commands += (commands.empty() ? "" : "; ") + set_up(i);
            }
        }
        return commands;
    }

    // Which of its servers takes no new flows, why, and what ends that.
    void no_server(const std::string& before = "") {
        const ServiceTable& service = *evidence_.service;
        std::string masked, ordered;
        Few down;
        const auto append = [](std::string& names, const std::string& name) {
            names += (names.empty() ? "" : ", ") + name;
        };
        std::vector<std::string> mends;
        const auto then = [&](std::string mend) {
            if (std::find(mends.begin(), mends.end(), mend) == mends.end()) {
                mends.push_back(std::move(mend));
            }
        };
        for (size_t i = 0; i < service.servers.size(); ++i) {
            const ServerConfig& server = service.servers[i];
            if (service.takes_new_flows(i)) {
                continue;
            }
            const EndpointHealth* seen = health_of(i);
            if (server.masked) {
                append(masked, server.name);
            }
            for (const auto& [target, order] : snapshot_.disabled->orders()) {
                if (target.means(service.config->name, server.name)) {
                    append(ordered, fmt::format("{} {}", name(order.mode), target.text()));
                    then(enable(target));
                }
            }
            if (seen != nullptr && seen->down()) {
                down.add(server.name, seen->why);
            }
        }
        if (!masked.empty()) {
            then(
                write(fmt::format("\"masked\": false for {} of {}", masked, service.config->name)));
        }
        if (!down.empty()) {
            then("start what is down");
        }
        std::string mend;
        for (const std::string& each : mends) {
            mend += (mend.empty() ? "" : "; ") + each;
        }
        add("no_server",
            fmt::format("{}no server of {} takes new flows{}{}{}", before, service.config->name,
                        masked.empty() ? "" : "; masked in the configuration: " + masked,
                        ordered.empty() ? "" : "; disabled: " + ordered,
                        down.empty() ? "" : "; down: " + down.text()),
            mend.empty() ? "vipctl status" : mend);
    }

    const EndpointHealth* health_of(size_t server) const {
        const auto& health = snapshot_.health;
        return health == nullptr ? nullptr : health->of(evidence_.service->config->name, server);
    }

    // Servers that get clients although their checks fail: the last choice of a service whose
    // servers are all down, or kept since more than half look down.
    void doubtful() {
        const bool here =
            std::any_of(evidence_.tries.begin(), evidence_.tries.end(), [](const BothWays& ways) {
                return ways.in.at("way") != "drop" && !is_relayed(ways.in);
            });
        Few names;
        for (size_t i = 0;
             here && evidence_.service != nullptr && i < evidence_.service->servers.size(); ++i) {
            const EndpointHealth* seen = health_of(i);
            if (seen != nullptr && (seen->down() || seen->kept_up) &&
                evidence_.service->takes_new_flows(i)) {
                names.add(evidence_.service->servers[i].name, seen->why);
            }
        }
        if (!names.empty()) {
            add("servers_look_down",
                fmt::format("checks fail of servers of {} that get clients nevertheless, as {}: {}",
                            evidence_.service->config->name,
                            snapshot_.health->keeps ? "more than half of all look down at once"
                                                    : "all are down and the last choice is kept",
                            names.text()),
                "start what is down", true);
        }
    }

    static bool is_relayed(const json& answer) {
        const json& steps = answer.at("steps");
        return std::any_of(steps.begin(), steps.end(), [](const json& step) {
            return step.at("stage") == "tunnel" &&
                   step.at("text").get<std::string>().starts_with("to gateway ");
        });
    }

    // By which all of it is dropped.
    void disabled() {
        for (const auto& [target, order] : snapshot_.disabled->orders()) {
            const bool line = evidence_.line && target.level == Level::line &&
                              target.name == config_.lines[*evidence_.line].carrier;
            const bool service = evidence_.service != nullptr && target.level == Level::service &&
                                 target.name == evidence_.service->config->name;
            const bool site = target.level == Level::site && target.name == config_.site;
            if (order.mode == DisableMode::strong && (line || service || site)) {
                add("disabled", fmt::format("strong {} drops it", target.text()), enable(target));
            }
        }
    }

    // Where the placement would have it, and who is there.
    void placed() {
        if (evidence_.service == nullptr || snapshot_.placement->empty()) {
            return;
        }
        const auto known = [](SiteNumber site) { return site != no_site; };
        const auto choice =
            snapshot_.placement->choose(evidence_.service->number, evidence_.wanted.client, known);
        if (choice.here()) {
            return;
        }
        bool up = false, narrow = false;
        std::string gateways;
        for (size_t i = 0; i < tables_.peers().size(); ++i) {
            if (tables_.peers()[i].site_number == choice.site) {
                up = up || snapshot_.peers[i].up;
                narrow = narrow || (snapshot_.peers[i].up && snapshot_.peers[i].narrow);
                gateways += (gateways.empty() ? "" : ", ") + tables_.peers()[i].gateway;
            }
        }
        const std::string text =
            fmt::format("it is placed at site {} ({})", tables_.sites()[choice.site],
                        snapshot_.placement->text(choice, evidence_.service->number));
        const bool serves = evidence_.service->has_live_server();
        const std::string elsewhere = serves ? "; it is served here meanwhile" : "";
        const std::string mend =
            choice.by == Placement::Choice::By::set
                ? fmt::format("vipctl set {} none{}{}", set_of(choice), despite_maps(),
                              where_reached())
            : !choice.of_service && !weighs_all()
                ? std::string("vipctl share 0")
                : fmt::format("vipctl weights {}=100{}{}{}", config_.site, of_service(choice),
                              despite_maps(), where_reached());
        if (!up) {
            add("peer_down",
                fmt::format("{}, where no gateway is alive: start vipd at {}{}", text, gateways,
                            elsewhere),
                mend, serves);
        } else if (narrow) {
            add("peer_narrow",
                fmt::format("{}, to which the link loses full packets ({}){}", text, gateways,
                            elsewhere),
                "raise the MTU of the link between the sites to 1,560", serves);
        }
    }

    bool weighs_all() const {
        const PlacementRules* rules = snapshot_.placement->rules();
        return rules != nullptr && rules->weighs_all();
    }

    // Rules that place all services break the flows of maps, and are refused unless it is said.
    std::string despite_maps() const {
        const PlacementRules* rules = snapshot_.placement->rules();
        return rules != nullptr && rules->concerns_all() && !tables_.maps().empty()
                   ? " --break-maps"
                   : "";
    }

    // An order of all gateways is refused where one of them is silent; then the others are told.
    std::string where_reached() const {
        std::string without;
        for (size_t i = 0; i < snapshot_.peers.size(); ++i) {
            without += snapshot_.peers[i].up ? "" : " --without " + tables_.peers()[i].gateway;
        }
        return without;
    }
    std::string enable(const DisableTarget& target) const {
        return fmt::format("vipctl enable {}{}", target.text(),
                           target.level == Level::site ? where_reached() : "");
    }

    std::string of_service(const Placement::Choice& choice) const {
        return choice.of_service ? of_service() : "";
    }
    std::string of_service() const {
        return evidence_.service == nullptr ? "" : " --service " + evidence_.service->config->name;
    }
    std::string limit(const std::string& what, const char* rate) const {
        return fmt::format("vipctl limit {} {}{}", what, rate, where_reached());
    }
    // An exception that means this very client has a rate that does not do: it is that one's to be
    // changed.
    std::string excepted() const {
        const Address& client = evidence_.wanted.client.address;
        const AccessRules* rules = evidence_.live.access;
        return (rules == nullptr ? std::nullopt : rules->limits.excepts(client))
            .value_or(client.text());
    }
    std::string set_of(const Placement::Choice& choice) const {
        const auto& sets = snapshot_.placement->rules()->sets;
        for (const PlacementRules::Set& set : sets) {
            const bool this_one = choice.of_service ? set.service == evidence_.service->config->name
                                                    : set.service.empty();
            if (this_one) {
                const std::string& said = set.said[choice.range];
                return said.substr(0, said.find(' ')) + of_service(choice);
            }
        }
        return "CLIENTS";
    }

    // What became of one packet.  back: of what the server says.
    void of(const json& answer, bool back) {
        const std::string way = answer.at("way");
        if (way == "wait" || (way == "forward" && answer.at("out").at("link_address").is_null())) {
            if (answer.contains("out") && answer.at("out").at("failed") == true) {
                unreachable(answer.at("out"), back);
            }
        } else if (way == "drop") {
            dropped(answer.at("drop"), back);
        } else if (way == "punt") {
            add("kernels",
                back ? "what the server says is the kernel's: it is of no flow"
                     : "the packet is the kernel's: it comes in by no line",
                fmt::format("ip route add {} via ROUTER dev PORT",
                            evidence_.wanted.client.address.text()));
        }
    }

    void unreachable(const json& out, bool back) {
        const std::string hop = out.at("next_hop"), port = out.at("port");
        for (const PeerConfig& peer : config_.peers) {
            if (peer.tunnel.text() == hop) {
                add("peer_unreachable",
                    fmt::format("gateway {} at {} does not answer at port {}", peer.gateway, hop,
                                port),
                    fmt::format("ip neighbour flush {} dev {}", hop, port));
                return;
            }
        }
        if (back) {
            const bool other = evidence_.line && !snapshot_.is_last(*evidence_.line);
            const std::string carrier =
                evidence_.line ? config_.lines[*evidence_.line].carrier : "";
            add("router_silent",
                fmt::format("{}, the router of line {}, does not answer at port {}", hop, carrier,
                            port),
                other ? fmt::format("vipctl mask line {}", carrier)
                      : fmt::format("ip neighbour flush {} dev {}", hop, port));
            return;
        }
        std::string name = hop, mend;
        for (const ServerConfig& server : evidence_.service == nullptr
                                              ? std::span<const ServerConfig>()
                                              : evidence_.service->servers) {
            if (server.address.text() == hop) {
                name = fmt::format("server {} at {}", server.name, hop);
                mend = fmt::format("vipctl mask server {}/{}", evidence_.service->config->name,
                                   server.name);
            }
        }
        const bool server = name != hop;
        add("server_silent",
            fmt::format("{}{} does not answer at port {}", server ? "" : "the next hop ", name,
                        port),
            server && others_answer(hop) ? mend
                                         : fmt::format("ip neighbour flush {} dev {}", hop, port));
    }

    // Some other server of the service, that new flows go to, has answered.
    bool others_answer(const std::string& silent) const {
        for (size_t i = 0; i < evidence_.service->servers.size(); ++i) {
            const auto hop = evidence_.live.routes.lookup(evidence_.service->servers[i].address);
            const auto* neighbour = hop ? evidence_.live.neighbours.find(*hop) : nullptr;
            if (neighbour != nullptr && neighbour->usable && hop->address.text() != silent &&
                evidence_.service->takes_new_flows(i)) {
                return true;
            }
        }
        return false;
    }

    void dropped(const json& drop, bool back) {
        const std::string reason = drop.at("reason");
        const std::string meaning = drop.at("meaning");
        const std::string vip = evidence_.wanted.vip.text();
        const std::string client = evidence_.wanted.client.address.text();
        if (reason == "no_service") {
            add("no_service",
                fmt::format("no service has {} {}",
                            name(static_cast<Protocol>(evidence_.wanted.protocol)), vip),
                write("it"));
        } else if (reason == "disabled") {
            disabled();
        } else if (reason == "no_server" && evidence_.service != nullptr) {
            no_server();
        } else if (reason == "no_neighbour" && evidence_.service != nullptr) {
            none_answers();
        } else if (reason == "no_route") {
            no_route();
        } else if (reason == "link_down") {
            add("link_down", "the port that leads to its server has no link", downed_ports());
        } else if (reason == "peer_down") {
            add("peer_down", "its flow is relayed to a gateway that is silent",
                "start vipd there; after 3 s its flows are placed anew");
        } else if (back && (reason == "no_way_back" || reason == "line_disabled")) {
            no_way_back();
        } else if (reason == "no_source_port" && evidence_.service != nullptr) {
            add("no_source_port",
                fmt::format("every port of the source NAT pool of {} is taken",
                            evidence_.service->config->name),
                write("more addresses into that pool"));
        } else if (reason == "access") {
            add("access", fmt::format("{} drops {}", rule(client), client),
                fmt::format("vipctl access --accept {}{}{}", client, of_service(),
                            where_reached()));
        } else if (reason == "client_limit") {
            add("client_limit", meaning, limit("except:" + excepted(), "unlimited"));
        } else if (reason == "service_limit" && evidence_.service != nullptr) {
            add("service_limit", meaning,
                limit("service:" + evidence_.service->config->name, "none"));
        } else if (reason == "vip_limit") {
            add("vip_limit", meaning, limit("vip:" + evidence_.wanted.vip.address.text(), "none"));
        } else if (reason == "not_admitted") {
            add("not_admitted",
                fmt::format("{} is not among the clients that are admitted", client),
                "vipctl admission 100" + where_reached());
        } else if (reason == "flow_table_full") {
            add("flow_table_full", meaning, write("a larger \"capacity\" under \"flows\""));
        } else if (reason.ends_with("_source")) {
            add("wrong_source", fmt::format("{} is no client: {}", client, meaning),
                "ask from an address behind a carrier, or mend the site's networks in the "
                "inventory");
        } else {
            add("dropped",
                fmt::format("{}dropped as {}: {}", back ? "the answer is " : "", reason, meaning),
                "vipctl capture --out drops.pcapng --drop " + reason);
        }
    }

    // The access rule that decided, as the stages have named it.
    std::string rule(const std::string& otherwise) const {
        for (const BothWays& ways : evidence_.tries) {
            for (const json* way : {&ways.in, ways.back ? &*ways.back : nullptr}) {
                for (const json& step : way == nullptr ? json::array() : way->at("steps")) {
                    const std::string text = step.at("text");
                    if (step.at("stage") == "access" && text.ends_with(": drop")) {
                        return "access " + text.substr(0, text.size() - 6);
                    }
                }
            }
        }
        return "an access rule for " + otherwise;
    }

    // All of them were asked for in vain: their clients are told so.
    void none_answers() {
        for (size_t i = 0; i < evidence_.service->servers.size(); ++i) {
            const auto hop = evidence_.live.routes.lookup(evidence_.service->servers[i].address);
            if (hop && evidence_.service->takes_new_flows(i)) {
                unreachable(
                    {{"next_hop", hop->address.text()}, {"port", config_.ports[hop->port].name}},
                    false);
            }
        }
    }

    void no_route() {
        for (const BothWays& ways : evidence_.tries) {
            for (const json& step : ways.in.at("steps")) {
                const std::string text = step.at("text");
                if (step.at("stage") == "route" && text.starts_with("none to ")) {
                    const std::string to = text.substr(8);
                    add("no_route", fmt::format("the kernel has no route to {}", to),
                        fmt::format("ip route add {} dev {}", to, server_port()));
                }
            }
        }
    }

    std::string server_port() const {
        for (size_t i = 0; i < config_.ports.size(); ++i) {
            const auto of_line = [i](const LineConfig& line) { return line.port == i; };
            if (!config_.is_link(i) &&
                std::none_of(config_.lines.begin(), config_.lines.end(), of_line)) {
                return config_.ports[i].name;
            }
        }
        return "PORT";
    }

    void no_way_back() {
        if (!evidence_.line) {
            return;
        }
        const LineConfig& line = config_.lines[*evidence_.line];
        const LineState state = snapshot_.line(*evidence_.line);
        if (state == LineState::down) {
            add("line_down",
                fmt::format("the line to {} is down, as port {} has no link, and no live peer has "
                            "one",
                            line.carrier, config_.ports[line.port].name),
                set_up(line.port));
        } else if (state == LineState::enabled) {
            add("no_route",
                fmt::format("the kernel has no route to {}, by which a map's answers would leave",
                            evidence_.wanted.client.address.text()),
                fmt::format("ip route add {} via ROUTER dev {}",
                            evidence_.wanted.client.address.text(), config_.ports[line.port].name));
        } else {
            add("line_disabled",
                fmt::format("the line to {} is {}, and no live peer has one that may carry the "
                            "answers",
                            line.carrier, name(state)),
                fmt::format("vipctl enable line {}", line.carrier));
        }
    }

    // Answers go round: that is slower, and ends with the peer.
    void line() {
        if (!evidence_.line) {
            return;
        }
        const LineConfig& line = config_.lines[*evidence_.line];
        const LineState state = snapshot_.line(*evidence_.line);
        const bool told = std::any_of(causes_.begin(), causes_.end(), [](const Cause& cause) {
            return cause.cause == "line_disabled" || cause.cause == "line_down";
        });
        if (state != LineState::enabled && !told) {
            add(state == LineState::down ? "line_down" : "line_disabled",
                fmt::format("the line to {} is {}: answers leave by a peer", line.carrier,
                            name(state)),
                state == LineState::down ? set_up(line.port)
                                         : fmt::format("vipctl enable line {}", line.carrier),
                true);
        }
    }

    // Where gateways differ in what is said to all of them, it matters at which a client comes in.
    void peers_differ() {
        const auto look = [&](auto theirs, uint64_t ours, const char* cause, const char* what,
                              const std::string& mend) {
            for (size_t i = 0; i < snapshot_.peers.size(); ++i) {
                const Snapshot::Peer& peer = snapshot_.peers[i];
                if (peer.up && peer.*theirs && *(peer.*theirs) != ours) {
                    add(cause, fmt::format("gateway {} {}", tables_.peers()[i].gateway, what), mend,
                        true);
                }
            }
        };
        look(&Snapshot::Peer::placement, snapshot_.placement->digest(), "other_placement",
             "places clients by other rules; the order gives it those of this one",
             again() + despite_maps() + where_reached());
        look(&Snapshot::Peer::access, snapshot_.access_digest, "other_access",
             "has other access rules, limits or admission; the order gives it those of this one",
             access_again());
        look(&Snapshot::Peer::sites, snapshot_.disabled->sites_digest(), "other_sites",
             "has other orders about sites; the order gives it those of this one", sites_again());
    }

    // The admission once more: all gateways are told the whole document by it.
    std::string access_again() const {
        const AdmissionRule admission =
            evidence_.live.access == nullptr ? AdmissionRule() : evidence_.live.access->admission;
        return fmt::format("vipctl admission {:.10g}{}{}", admission.hundredths / 100.0,
                           admission.all() || admission.resets ? "" : " --silence",
                           where_reached());
    }

    // The order about each site once more, at all gateways: nobody knows here in which they differ.
    std::string sites_again() const {
        std::string commands;
        for (const std::string& site : tables_.sites()) {
            const Disablings& orders = snapshot_.disabled->orders();
            const auto found = orders.find({Level::site, site});
            commands += commands.empty() ? "" : "; ";
            if (found == orders.end()) {
                commands += enable({Level::site, site});
                continue;
            }
            const DisableOrder& order = found->second;
            commands += fmt::format("vipctl {} site {}", name(order.mode), site);
            if (order.mode == DisableMode::weak) {
                commands += fmt::format(" --rate {}", order.rate_per_s) +
                            (order.quiet_s > 0 ? fmt::format(" --quiet-s {}", order.quiet_s) : "") +
                            (order.icmp ? " --icmp" : "");
            }
            commands += (order.anyway ? " --anyway" : "") + where_reached();
        }
        return commands;
    }

    // The same rules once more, at all gateways.
    std::string again() const {
        const PlacementRules* rules = snapshot_.placement->rules();
        if (rules == nullptr || rules->empty()) {
            return "vipctl weights none";
        }
        if (rules->weights.empty()) {
            const std::string& said = rules->sets.front().said.front();
            const std::string& service = rules->sets.front().service;
            const auto& site = rules->sets.front().sites[rules->sets.front().site_of.front()];
            return fmt::format("vipctl set {} {}{}", said.substr(0, said.find(' ')), site,
                               service.empty() ? "" : " --service " + service);
        }
        const PlacementRules::Weights& weights = rules->weights.front();
        std::string sites;
        for (const PlacementRules::Weight& weight : weights.sites) {
            sites += fmt::format("{}{}={:.10g}", sites.empty() ? "" : ",", weight.site,
                                 weight.hundredths / 100.0);
        }
        return fmt::format("vipctl weights {}{}{}", sites,
                           weights.by == ShareBy::address ? "" : " --by address-port",
                           weights.service.empty() ? "" : " --service " + weights.service);
    }

    const Evidence& evidence_;
    const Snapshot& snapshot_;
    const Config& config_;
    const Tables& tables_;
    std::vector<Cause> causes_;
};

}  // namespace

std::vector<Cause> causes_of(const Evidence& evidence) {
    return Search(evidence).all();
}

}  // namespace rehome::vipd
