#include "cutover/preflight/ask.h"

#include <algorithm>
#include <array>
#include <map>
#include <nlohmann/json.hpp>

#include "cutover/run/scope.h"

namespace rehome::cutover {

namespace {

using nlohmann::ordered_json;

// Samples, saved answers and logs of a night; what a host keeps of the commands that it was told.
constexpr unsigned run_dir_mb = 200;

template <typename T>
void add_once(std::vector<T>& list, T value) {
    if (std::find(list.begin(), list.end(), value) == list.end()) {
        list.push_back(std::move(value));
    }
}

bool is_command(const Argv& argv, std::string_view program, std::string_view word) {
    return argv.size() > 1 && argv[0] == program && argv[1] == word;
}

// What follows an option; empty: it is not there.
std::string value_of(const Argv& argv, std::string_view option) {
    const auto found = std::find(argv.begin(), argv.end(), option);
    return found == argv.end() || found + 1 == argv.end() ? "" : *(found + 1);
}

class Collection {
public:
    Collection(const Inventory& inventory, const std::string& inventory_path, Asks& asks)
        : inventory_(inventory), inventory_path_(inventory_path), asks_(asks) {
        at(Host{}).ours = true;
    }

    void step(const Step& step) {
        command(step, step.act);
        command(step, step.undo);
        if (step.check) {
            look(step, *step.check, step.was);
        }
        if (step.kind == Step::Kind::gate) {
            look(step, step.gate.sample, {});
        }
    }

    // A run holds all gateways, whatever it does there.
    void hold_gateways() {
        for (const Gateway* gateway : gateways()) {
            if (HostAsk* host = at(gateway->host)) {
                add_hand(*host);
            }
        }
    }

    void folder(const std::string& path) {
        at(Host{}).folders.push_back({path, "the journal and what the steps save", run_dir_mb});
    }

    // What the steps run beyond what they name, and how its hosts are reached.
    void implied(const Plan& plan) {
        const auto uses = [this](std::string_view program) {
            return std::find(seen_.begin(), seen_.end(), program) != seen_.end();
        };
        if (uses("lbsync")) {
            policies();
        }
        if (uses("probe") || uses("cutover login")) {
            vantages(plan, uses("cutover login"));
        }
        for (size_t i = 0; i < asks_.hosts.size(); ++i) {
            const Host::Kind kind = asks_.hosts[i].host.kind;
            if (kind != Host::Kind::local) {
                add_once<std::string>(at(Host{}).programs, kind == Host::Kind::ssh ? "ssh" : "ip");
            }
        }
    }

    void names() {
        for (const Site* site : {&inventory_.old_site(), &inventory_.new_site()}) {
            for (const Gateway& gateway : site->gateways) {
                name(gateway.host, gateway.name);
            }
        }
        for (const Carrier& carrier : inventory_.carriers) {
            name(carrier.vantage ? carrier.vantage->host : "", carrier.name + "'s vantage");
        }
        for (const Service& service : inventory_.services) {
            for (const Server& server : service.servers) {
                name(server.from.host, server.name + "@" + inventory_.from);
                name(server.to.host, server.name + "@" + inventory_.to);
            }
        }
    }

private:
    HostAsk& at(const Host& host) {
        const auto [found, is_new] = places_.try_emplace(host.text(), asks_.hosts.size());
        if (is_new) {
            asks_.hosts.emplace_back().host = host;
        }
        return asks_.hosts[found->second];
    }

    void command(const Step& step, const Argv& argv) {
        if (argv.empty()) {
            return;
        }
        HostAsk& host = at(step.host);
        add_hand(host);
        add_once(host.programs, argv.front());
        for (std::string word : argv) {
            if (host.host.kind == Host::Kind::ssh && names_run_dir(word)) {
                add_once(host.misplaced, std::move(word));
            }
        }
        if (!is_ours(argv.front())) {
            return;
        }
        add_once<std::string>(
            seen_, is_command(argv, "cutover", "login") ? "cutover login" : argv.front());
        const std::string inventory = as_found(host.host, value_of(argv, "--inventory"));
        if (!inventory.empty() && !names_run_dir(inventory)) {
            add_once(host.inventories, inventory);
        }
        vipd(host, argv);
        bird(host, argv);
    }

    // What only looks is tried, unless it needs what the run itself makes.
    void look(const Step& step, const Sample& sample, const Kept& was) {
        command(step, sample.command);
        Argv argv = sample.command;
        std::transform(argv.begin(), argv.end(), argv.begin(),
                       [&](const std::string& word) { return as_found(step.host, word); });
        if (std::any_of(argv.begin(), argv.end(), names_run_dir)) {
            asks_.not_tried.push_back(step.id);
            return;
        }
        auto& tried = at(step.host).tried;
        auto same = std::find_if(tried.begin(), tried.end(),
                                 [&argv](const Tried& one) { return one.command == argv; });
        if (same == tried.end()) {
            same = tried.insert(tried.end(), {argv, {}});
        }
        same->uses.push_back({step.id, sample, was});
    }

    static void add_hand(HostAsk& host) {
        host.ours = host.hand = true;
        add_once<std::string>(host.programs, "cutover");
    }

    void vipd(HostAsk& host, const Argv& argv) {
        const std::string socket = argv.front() == "vipctl" ? value_of(argv, "--socket") : "";
        const auto known = [&socket](const VipdAsk& ask) { return ask.socket == socket; };
        if (socket.empty() || std::any_of(host.vipd.begin(), host.vipd.end(), known)) {
            return;
        }
        for (const Gateway* gateway : gateways()) {
            if (gateway->host == host.host.text() && gateway->vipd_socket == socket) {
                host.vipd.push_back({gateway->name, socket});
            }
        }
    }

    void bird(HostAsk& host, const Argv& argv) {
        const Gateway* gateway = is_command(argv, "cutover", "bird")
                                     ? inventory_.gateway(value_of(argv, "--gateway"))
                                     : nullptr;
        if (gateway == nullptr) {
            return;
        }
        auto found = std::find_if(host.bird.begin(), host.bird.end(),
                                  [gateway](const BirdAsk& b) { return b.gateway == gateway; });
        if (found == host.bird.end()) {
            found = host.bird.insert(host.bird.end(), {gateway, {}, {}});
        }
        add_carriers(*found, value_of(argv, "--carrier"));
    }

    // A carrier by its name; all of the gateway's without one.
    void add_carriers(BirdAsk& bird, const std::string& carrier) {
        const Site& site = *inventory_.site_of_gateway(bird.gateway->name);
        const Announce state =
            site.name == inventory_.from ? Announce::announced : Announce::withdrawn;
        for (const Line& line : site.lines) {
            if (line.gateway != bird.gateway->name) {
                continue;
            }
            add_once(bird.all, line.carrier);
            const auto same = [&line](const CarrierAsk& ask) { return ask.line == &line; };
            if ((carrier.empty() || carrier == line.carrier) &&
                std::none_of(bird.carriers.begin(), bird.carriers.end(), same)) {
                bird.carriers.push_back({&line, state});
            }
        }
    }

    // lbsync reads and replaces rule sets and vipd's configuration where they are, each host's by
    // the lbsync there.
    void policies() {
        for (const Gateway* gateway : gateways()) {
            if (HostAsk* host = at(gateway->host)) {
                host->ours = true;
                add_once<std::string>(host->programs, "lbsync");
                add_once<std::string>(host->programs, "vipctl");
            }
        }
        for (const Service& service : inventory_.services) {
            for (const Server& server : service.servers) {
                for (const Placement* placement : {&server.from, &server.to}) {
                    if (HostAsk* host = at(placement->host)) {
                        add_once<std::string>(host->programs, "lbsync");
                        add_once<Argv>(host->tools, {"nft", "list", "tables"});
                    }
                }
            }
        }
    }

    void vantages(const Plan& plan, bool login) {
        for (const Carrier& carrier : inventory_.carriers) {
            const bool left =
                std::any_of(plan.left.begin(), plan.left.end(),
                            [&carrier](const LeftCarrier& l) { return l.name == carrier.name; });
            HostAsk* host = carrier.vantage ? at(carrier.vantage->host) : nullptr;
            // The logins go on behind carriers that are left too.
            if (host == nullptr || (left && !login)) {
                continue;
            }
            host->ours = true;
            add_once<std::string>(host->programs, login ? "cutover" : "probe");
            for (const Address& vip : one_vip_a_family()) {
                host->routes.push_back({carrier.name, vip, *carrier.vantage});
            }
        }
    }

    std::vector<Address> one_vip_a_family() const {
        std::vector<Address> vips;
        for (const Service& service : inventory_.services) {
            const auto same = [&](const Address& vip) { return vip.family == service.vip.family; };
            if (std::none_of(vips.begin(), vips.end(), same)) {
                vips.push_back(service.vip);
            }
        }
        return vips;
    }

    std::vector<const Gateway*> gateways() const {
        std::vector<const Gateway*> all;
        for (const Site* site : {&inventory_.old_site(), &inventory_.new_site()}) {
            for (const Gateway& gateway : site->gateways) {
                all.push_back(&gateway);
            }
        }
        return all;
    }

    // Null: nothing is named there.  The inventory's reader has seen that the name is a host's.
    HostAsk* at(const std::string& name) {
        const auto host = Host::parse(name);
        return host ? &at(*host) : nullptr;
    }

    void name(const std::string& host, const std::string& name) {
        const auto found = places_.find(host);
        if (found != places_.end()) {
            add_once(asks_.hosts[found->second].names, name);
        }
    }

    static bool names_run_dir(const std::string& word) {
        return word.find(preflight_run_dir) != std::string::npos;
    }

    // On this machine the run's copy of the inventory is, for now, the file that it is made from.
    std::string as_found(const Host& host, const std::string& word) const {
        const bool copy = word == std::string(preflight_run_dir) + "/inventory.json";
        return copy && host.kind != Host::Kind::ssh ? inventory_path_ : word;
    }

    const Inventory& inventory_;
    const std::string& inventory_path_;
    Asks& asks_;
    std::map<std::string, size_t> places_;
    std::vector<std::string> seen_;  // programs of ours
};

// What its hand there calls the host; see adapter/hand/folder.h.
std::string place_of(const Host& host) {
    return host.kind == Host::Kind::netns ? "netns-" + host.name : "local";
}

ordered_json far_json(const FarBird& far) {
    return {{"host", far.host}, {"socket", far.socket}, {"sessions", far.sessions}};
}

ordered_json bird_json(const BirdAsk& ask, const Inventory& inventory) {
    ordered_json object{{"gateway", ask.gateway->name},
                        {"socket", ask.gateway->bird_socket},
                        {"announce", ask.gateway->bird_announce},
                        {"all", ask.all}};
    object["carriers"] = ordered_json::array();
    for (const CarrierAsk& carrier : ask.carriers) {
        const Line& line = *carrier.line;
        object["carriers"].push_back({{"carrier", line.carrier},
                                      {"sessions", line.bird_sessions},
                                      {"far", line.far_bird ? far_json(*line.far_bird) : nullptr},
                                      {"state", name(carrier.state)}});
    }
    object["prefixes"] = ordered_json::array();
    for (const Prefix& prefix : inventory.prefixes) {
        object["prefixes"].push_back(prefix.text());
    }
    return object;
}

ordered_json route_json(const RouteAsk& ask) {
    return {{"carrier", ask.carrier},
            {"to", ask.to.text()},
            {"source", ask.from.source.text()},
            {"mark", ask.from.mark},
            {"interface", ask.from.interface}};
}

template <typename T, typename Make>
ordered_json list_of(const std::vector<T>& values, Make make) {
    auto list = ordered_json::array();
    for (const T& value : values) {
        list.push_back(make(value));
    }
    return list;
}

}  // namespace

Asks asks_of(const Plan& plan, const Inventory& inventory, const std::string& inventory_path,
             const std::string& journal_folder) {
    Asks asks;
    Collection collection(inventory, inventory_path, asks);
    for (const Step& step : plan.steps) {
        collection.step(step);
    }
    for (const Guard& guard : plan.guards) {
        collection.step(guard.step);
    }
    collection.hold_gateways();
    collection.folder(journal_folder);
    collection.implied(plan);
    collection.names();
    return asks;
}

std::string ask_json(const HostAsk& ask, const Inventory& inventory) {
    const ordered_json object{
        {"schema", "rehome/preflight-ask/1"},
        {"programs",
         list_of(ask.programs,
                 [](const std::string& program) {
                     return ordered_json{{"program", program}, {"ours", is_ours(program)}};
                 })},
        {"hand", ask.hand ? ordered_json(place_of(ask.host)) : ordered_json()},
        {"tools", ask.tools},
        {"inventories", ask.inventories},
        {"vipd", list_of(ask.vipd, [](const VipdAsk& v) { return ordered_json(v.socket); })},
        {"bird", list_of(ask.bird, [&](const BirdAsk& b) { return bird_json(b, inventory); })},
        {"routes", list_of(ask.routes, route_json)},
        {"folders",
         list_of(ask.folders, [](const FolderAsk& folder) { return ordered_json(folder.path); })},
        {"samples",
         list_of(ask.tried, [](const Tried& tried) { return ordered_json(tried.command); })}};
    return object.dump();
}

bool is_ours(std::string_view program) {
    constexpr std::array ours{"cutover", "lbsync", "probe", "vipctl", "vipd"};
    return std::find(ours.begin(), ours.end(), program) != ours.end();
}

}  // namespace rehome::cutover
