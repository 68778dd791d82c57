#include "lbsync/services/keepalived.h"

#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "lbsync/services/keepalived_names.h"
#include "lbsync/services/values.h"

namespace rehome::lbsync::services {

namespace {

using policy::Forwarding;
using policy::Persistence;
using policy::Server;
using policy::VirtualService;

Read<Forwarding> forwarding(const std::string& text) {
    static const std::map<std::string, Forwarding> ways{
        {"NAT", Forwarding::masquerade}, {"DR", Forwarding::route}, {"TUN", Forwarding::tunnel}};
    const auto found = ways.find(text);
    return found == ways.end() ? wrong(in_quotes(text) + " is none of NAT, DR and TUN")
                               : Read<Forwarding>(found->second);
}

// "NAT", "TUN type gue port 5555": the way, and a tunnel's encapsulation unless it is IPIP.
Failed read_method(const Statement& statement, Forwarding& way, std::string& encapsulation) {
    if (statement.words.size() < 2) {
        return wrong("expected NAT, DR or TUN");
    }
    auto read = forwarding(statement.words[1]);
    if (!read) {
        return wrong(read.error());
    }
    way = *read;
    encapsulation.clear();
    for (size_t i = 2; i < statement.words.size(); ++i) {
        const std::string& word = statement.words[i];
        if (word == "type" && i + 1 < statement.words.size()) {
            const std::string& type = statement.words[++i];
            encapsulation = type == "ipip" ? "" : type;
        } else if (word == "port" && i + 1 < statement.words.size()) {
            encapsulation += " port " + statement.words[++i];
        } else if (word == "csum" || word == "nocsum" || word == "remcsum") {
            encapsulation += " " + word;
        } else {
            return wrong(in_quotes(word) + " is not known here");
        }
    }
    return way == Forwarding::tunnel || encapsulation.empty() ? Failed()
                                                              : wrong("only a tunnel has a type");
}

// What a group says of where its services are: addresses with ports, and marks.
struct Place {
    std::optional<uint32_t> mark;
    Address vip;
    uint16_t port = 0;
};

Read<std::vector<Place>> places_of(const std::vector<std::string>& words) {
    if (words[0] == "fwmark") {
        const auto mark = words.size() == 2 ? number(words[1]) : wrong("expected \"fwmark N\"");
        if (!mark || *mark == 0) {
            return wrong(mark ? "0 is no firewall mark" : mark.error());
        }
        return std::vector<Place>{{*mark, {}, 0}};
    }
    if (words.size() > 2) {
        return wrong(in_quotes(words[2]) + " is not known here");
    }
    const auto addresses = address_range(words[0]);
    const auto at = words.size() == 2 ? port(words[1]) : Read<uint16_t>(0);
    if (!addresses || !at) {
        return wrong(!addresses ? addresses.error() : at.error());
    }
    std::vector<Place> places;
    for (const Address& one : *addresses) {
        places.push_back({std::nullopt, one, *at});
    }
    return places;
}

// What a service says to its servers, whatever the order of its statements.
struct Defaults {
    Forwarding way = Forwarding::masquerade;
    std::string encapsulation;
    uint32_t weight = 1;
    bool inhibit = false;
};

class Reader {
public:
    void top(const std::vector<Statement>& statements) {
        for (const Statement& statement : statements) {
            if (statement.name() == "virtual_server_group" && statement.block) {
                group(statement);
            }
        }
        for (const Statement& statement : statements) {
            if (statement.name() == "virtual_server" && statement.block) {
                service(statement);
            } else if (is_beside(statement.name())) {
                Statement head = statement;
                head.block = false;
                result_.beside.push_back(fmt::format("{}: {}", statement.where, print(head)));
            } else if (statement.name() != "virtual_server_group" || !statement.block) {
                not_known(statement);
            }
        }
    }

    Checked<policy::Services> take() {
        if (!mistakes_.empty()) {
            return tl::unexpected(std::move(mistakes_));
        }
        return std::move(result_);
    }

private:
    void mistake(const Statement& statement, std::string what) {
        mistakes_.push_back({Exit::usage, statement.where, std::move(what)});
    }
    void not_known(const Statement& statement) {
        mistake(statement, fmt::format("{} is not known here", in_quotes(statement.name())));
    }
    bool keep(const Statement& statement, const Failed& read) {
        if (!read) {
            mistake(statement, read.error());
        }
        return read.has_value();
    }

    void group(const Statement& statement) {
        if (statement.words.size() != 2) {
            mistake(statement, "expected \"virtual_server_group NAME\"");
            return;
        }
        std::vector<Place> places;
        for (const Statement& member : statement.inside) {
            const auto more =
                member.block ? wrong("no block is expected in a group") : places_of(member.words);
            if (more) {
                places.insert(places.end(), more->begin(), more->end());
            } else {
                mistake(member, more.error());
            }
        }
        if (!groups_.emplace(statement.words[1], std::move(places)).second) {
            mistake(statement, fmt::format("group {} stands here twice", statement.words[1]));
        }
    }

    Read<std::vector<Place>> places_of_service(const Statement& statement) {
        const std::vector<std::string> words(statement.words.begin() + 1, statement.words.end());
        if (words.empty()) {
            return wrong("expected an address and port, \"fwmark N\" or \"group NAME\"");
        }
        if (words[0] != "group") {
            return places_of(words);
        }
        const auto found = words.size() == 2 ? groups_.find(words[1]) : groups_.end();
        return found == groups_.end() ? wrong("no such group is there")
                                      : Read<std::vector<Place>>(found->second);
    }

    void service(const Statement& statement) {
        const auto places = places_of_service(statement);
        if (!places) {
            mistake(statement, places.error());
            return;
        }
        family_.reset();
        VirtualService service;
        service.where = statement.where;
        service.protocol = "tcp";
        service.scheduler = "wlc";
        const Defaults defaults = defaults_of(statement);
        for (const Statement& one : statement.inside) {
            part(one, defaults, service);
        }
        std::sort(service.settings.begin(), service.settings.end());
        std::sort(service.scheduler_flags.begin(), service.scheduler_flags.end());
        finish(service);
        for (const Place& place : *places) {
            add(statement, service, place);
        }
    }

    // Persistence by the length of the family's addresses unless it says otherwise.
    static void finish(VirtualService& service) {
        if (service.persistence && service.persistence->seconds == 0) {
            service.persistence.reset();
        }
    }

    void add(const Statement& statement, VirtualService service, const Place& place) {
        if (place.mark) {
            service.mark = place.mark;
            service.protocol.clear();
            if (!family_.has_value() && !service.servers.empty()) {
                service.family = service.servers[0].address.family;
            }
        } else {
            service.vip = place.vip;
            service.port = place.port;
            service.family = place.vip.family;
        }
        if (service.persistence && service.persistence->length > 128) {
            service.persistence->length = service.family == Family::v4 ? 32 : 128;
        }
        if (!titles_.insert(service.title()).second) {
            mistake(statement, fmt::format("service {} stands here twice", service.title()));
        }
        if (result_.services.size() >= most_services) {
            mistake(statement, fmt::format("more than {} services", most_services));
            return;
        }
        result_.services.push_back(std::move(service));
    }

    Defaults defaults_of(const Statement& service) {
        Defaults defaults;
        for (const Statement& one : service.inside) {
            if (one.name() == "lb_kind" || one.name() == "lvs_method") {
                keep(one, read_method(one, defaults.way, defaults.encapsulation));
            } else if (one.name() == "weight") {
                keep(one, number_of(one, defaults.weight));
            } else if (one.name() == "inhibit_on_failure") {
                defaults.inhibit = true;
            }
        }
        return defaults;
    }

    static Failed number_of(const Statement& statement, uint32_t& into) {
        const auto value =
            statement.words.size() == 2 ? number(statement.words[1]) : wrong("expected one number");
        if (value) {
            into = *value;
        }
        return value ? Failed() : wrong(value.error());
    }

    void part(const Statement& one, const Defaults& defaults, VirtualService& service) {
        const std::string& name = one.name();
        if (name == "lb_kind" || name == "lvs_method" || name == "weight" ||
            name == "inhibit_on_failure") {
            return;  // defaults_of() has read them
        }
        if (name == "real_server" && one.block) {
            real_server(one, defaults, service);
        } else if (is_service_setting(name) && !one.block) {
            service.settings.push_back(print(one));
        } else if (!one.block) {
            keep(one, plain(one, defaults, service));
        } else {
            not_known(one);
        }
    }

    Failed plain(const Statement& one, const Defaults& defaults, VirtualService& service) {
        const std::string& name = one.name();
        const std::string value = one.words.size() == 2 ? one.words[1] : "";
        if (name == "lb_algo" || name == "lvs_sched") {
            service.scheduler = value;
            return value.empty() ? wrong("expected one scheduler") : Failed();
        }
        if (name == "protocol") {
            service.protocol = value == "UDP" ? "udp" : value == "SCTP" ? "sctp" : "tcp";
            return value == "TCP" || value == "UDP" || value == "SCTP"
                       ? Failed()
                       : wrong("expected TCP, UDP or SCTP");
        }
        if (name == "ip_family") {
            family_ = value == "inet6" ? Family::v6 : Family::v4;
            service.family = *family_;
            return value == "inet" || value == "inet6" ? Failed() : wrong("expected inet or inet6");
        }
        if (name == "ops" && one.words.size() == 1) {
            service.one_packet = true;
            return {};
        }
        if (name == "sorry_server") {
            return sorry(one, defaults, service);
        }
        if (name.starts_with("persistence_")) {
            return persistence(one, value, service);
        }
        const std::string flag = one.words.size() == 1 ? scheduler_flag(name) : "";
        if (flag.empty()) {
            return wrong(in_quotes(name) + " is not known here");
        }
        service.scheduler_flags.push_back(flag);
        return {};
    }

    static Failed sorry(const Statement& one, const Defaults& defaults, VirtualService& service) {
        Server server = fresh(defaults);
        auto read = where_of(one, server);
        if (read) {
            service.sorry = std::move(server);
        }
        return read;
    }

    static Failed persistence(const Statement& one, const std::string& value,
                              VirtualService& service) {
        if (!service.persistence) {
            service.persistence = Persistence{360, unsaid_length, {}};
        }
        const std::string& name = one.name();
        if (name == "persistence_timeout") {
            return one.words.size() == 1 ? Failed() : number_of(one, service.persistence->seconds);
        }
        if (name == "persistence_engine") {
            service.persistence->engine = value;
            return value.empty() ? wrong("expected one engine") : Failed();
        }
        if (name != "persistence_granularity") {
            return wrong(in_quotes(name) + " is not known here");
        }
        return granularity(value, *service.persistence);
    }

    static Failed granularity(const std::string& value, Persistence& persistence) {
        if (const auto length = number(value); length && *length <= 128) {
            persistence.length = *length;
            return {};
        }
        const auto length = ipv4_mask(value);
        if (!length) {
            return wrong(length.error());
        }
        persistence.length = *length;
        return {};
    }

    static Server fresh(const Defaults& defaults) {
        Server server;
        server.weight = defaults.weight;
        server.forwarding = defaults.way;
        server.encapsulation = defaults.encapsulation;
        server.stays_when_down = defaults.inhibit;
        return server;
    }

    static Failed where_of(const Statement& statement, Server& server) {
        const auto& words = statement.words;
        if (words.size() < 2 || words.size() > 3) {
            return wrong("expected an address and a port");
        }
        const auto at = address(words[1]);
        const auto number = words.size() == 3 ? port(words[2]) : Read<uint16_t>(0);
        if (!at || !number) {
            return wrong(!at ? at.error() : number.error());
        }
        server.address = *at;
        server.port = *number;
        return {};
    }

    void real_server(const Statement& statement, const Defaults& defaults,
                     VirtualService& service) {
        Server server = fresh(defaults);
        if (!keep(statement, where_of(statement, server))) {
            return;
        }
        for (const Statement& one : statement.inside) {
            keep(one, server_part(one, server));
        }
        std::sort(server.checks.begin(), server.checks.end());
        std::sort(server.settings.begin(), server.settings.end());
        const auto same = [&](const Server& other) { return other.title() == server.title(); };
        if (std::any_of(service.servers.begin(), service.servers.end(), same)) {
            mistake(statement, fmt::format("server {} stands here twice", server.title()));
        }
        service.servers.push_back(std::move(server));
    }

    static Failed server_part(const Statement& one, Server& server) {
        const std::string& name = one.name();
        if (is_check(name) && one.block) {
            server.checks.push_back(print(one));
            return {};
        }
        if (one.block) {
            return wrong(in_quotes(name) + " is not known here");
        }
        if (is_server_setting(name)) {
            server.settings.push_back(print(one));
            return {};
        }
        if (name == "weight") {
            return number_of(one, server.weight);
        }
        if (name == "uthreshold") {
            return number_of(one, server.upper_threshold);
        }
        if (name == "lthreshold") {
            return number_of(one, server.lower_threshold);
        }
        if (name == "lvs_method") {
            return read_method(one, server.forwarding, server.encapsulation);
        }
        if (name == "inhibit_on_failure" && one.words.size() == 1) {
            server.stays_when_down = true;
            return {};
        }
        return wrong(in_quotes(name) + " is not known here");
    }

    static constexpr unsigned unsaid_length = 129;
    static constexpr size_t most_services = 65'536;
    policy::Services result_;
    std::map<std::string, std::vector<Place>> groups_;
    std::set<std::string> titles_;
    std::optional<Family> family_;  // that the service names
    std::vector<Error> mistakes_;
};

}  // namespace

Checked<policy::Services> read_keepalived(const File& file, const Include& include) {
    const auto statements = read_blocks(file, include);
    if (!statements) {
        return tl::unexpected(statements.error());
    }
    Reader reader;
    reader.top(*statements);
    return reader.take();
}

}  // namespace rehome::lbsync::services
