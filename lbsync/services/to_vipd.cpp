#include "lbsync/services/to_vipd.h"

#include <algorithm>

#include <fmt/format.h>

namespace rehome::lbsync::services {

namespace {

using policy::Forwarding;
using policy::Server;
using policy::VirtualService;

constexpr uint32_t most_weight = 1000;  // vipd's

// "tcp 198.51.100.10:80" as a name.
std::string name_of(const std::string& title) {
    std::string name;
    for (const char c : title) {
        const bool kept = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.';
        name += kept ? c : '-';
    }
    name.erase(0, name.find_first_not_of("-."));
    return name;
}

class Writer {
public:
    explicit Writer(const Without& without) : without_(without) {}

    void write(const VirtualService& service) {
        service_ = &service;
        check_place(service);
        check_spread(service);
        check_health(service);
        vipd::ServiceConfig config{
            .name = name_of(service.title()),
            .vip = service.vip,
            .protocol = service.protocol == "udp" ? Protocol::udp : Protocol::tcp,
            .port = service.port,
            .forward = vipd::Forward::nat,
            .encapsulation = vipd::Encapsulation::ipip,
            .pool = {},
            .servers = {},
            .health = {}};
        way(service, config);
        for (const Server& server : service.servers) {
            config.servers.push_back(this->server(server, config));
        }
        if (config.servers.empty()) {
            refuse("it has no servers, and a service of vipd has at least one");
        }
        configs_.push_back(std::move(config));
    }

    Checked<std::vector<vipd::ServiceConfig>> take() {
        if (!errors_.empty()) {
            return tl::unexpected(std::move(errors_));
        }
        return std::move(configs_);
    }

private:
    void refuse(std::string what) {
        errors_.push_back({Exit::usage, fmt::format("{}: {}", service_->where, service_->title()),
                           std::move(what)});
    }

    // What the operator can do without.
    void refuse(const std::string& thing, std::string what) {
        if (!without_.contains(thing)) {
            refuse(fmt::format("{} (--without {} leaves it out)", what, thing));
        }
    }

    void check_place(const VirtualService& service) {
        if (service.mark) {
            refuse("vipd serves addresses with ports, no firewall marks");
        } else if (service.protocol != "tcp" && service.protocol != "udp") {
            refuse(fmt::format("vipd serves TCP and UDP, not {}", service.protocol));
        } else if (service.port == 0) {
            refuse("vipd serves single ports, not all of an address");
        }
    }

    void check_spread(const VirtualService& service) {
        const bool by_flow =
            service.scheduler == "rr" || service.scheduler == "wrr" || service.scheduler == "mh";
        if (!by_flow || !service.scheduler_flags.empty()) {
            refuse(
                "scheduler",
                fmt::format("vipd spreads flows by hash and weight, not by {}{}", service.scheduler,
                            service.scheduler_flags.empty() ? "" : " with its flags"));
        }
        if (service.persistence) {
            refuse("persistence", "vipd keeps flows, not clients, at their server");
        }
        if (service.one_packet) {
            refuse("vipd keeps a flow's packets together, and has no one-packet scheduling");
        }
    }

    void check_health(const VirtualService& service) {
        if (service.sorry) {
            refuse("sorry", "vipd has no sorry servers");
        }
        const bool checked =
            !service.settings.empty() ||
            std::any_of(service.servers.begin(), service.servers.end(), [](const Server& server) {
                return !server.checks.empty() || !server.settings.empty();
            });
        if (checked) {
            refuse("checks", "how keepalived checks servers is not put into vipd's words (health)");
        }
    }

    // One for all servers of a service.
    void way(const VirtualService& service, vipd::ServiceConfig& config) {
        for (const Server& server : service.servers) {
            if (server.forwarding != service.servers[0].forwarding ||
                server.encapsulation != service.servers[0].encapsulation) {
                refuse("vipd reaches all servers of a service in one way");
                return;
            }
        }
        if (service.servers.empty() || service.servers[0].forwarding == Forwarding::masquerade) {
            return;
        }
        config.forward = vipd::Forward::tunnel;
        const std::string& encapsulation = service.servers[0].encapsulation;
        if (service.servers[0].forwarding == Forwarding::route) {
            refuse("vipd has no direct routing: a server is reached by NAT or a tunnel");
        } else if (encapsulation == "gue port 6080") {
            config.encapsulation = vipd::Encapsulation::gue;
        } else if (!encapsulation.empty()) {
            refuse(fmt::format("vipd tunnels by IPIP, and by GUE to port 6080, not by {}",
                               encapsulation));
        }
    }

    vipd::ServerConfig server(const Server& server, const vipd::ServiceConfig& service) {
        if (server.upper_threshold != 0 || server.lower_threshold != 0) {
            refuse("thresholds",
                   fmt::format("{}: vipd has no limit of a server's connections", server.title()));
        }
        if (server.weight > most_weight) {
            refuse(fmt::format("{}: weight {}: vipd's are up to {}", server.title(), server.weight,
                               most_weight));
        }
        const bool tunnel = service.forward == vipd::Forward::tunnel;
        if (tunnel && server.port != 0 && server.port != service.port) {
            refuse(fmt::format("{}: a tunnel keeps the service's port", server.title()));
        }
        if (!tunnel && server.address.family != service.vip.family) {
            refuse(fmt::format("{}: NAT keeps the address's family", server.title()));
        }
        const bool equal_shares = service_->scheduler == "rr";
        return {.name = name_of(server.title()),
                .address = server.address,
                .port = tunnel             ? uint16_t{0}
                        : server.port == 0 ? service.port
                                           : server.port,
                .weight = equal_shares ? 1 : std::max(server.weight, 1U),
                .masked = server.weight == 0};
    }

    const Without& without_;
    const VirtualService* service_ = nullptr;
    std::vector<vipd::ServiceConfig> configs_;
    std::vector<Error> errors_;
};

}  // namespace

bool can_be_left_out(const std::string& what) {
    static const Without all{"checks", "persistence", "scheduler", "sorry", "thresholds"};
    return all.contains(what);
}

Checked<std::vector<vipd::ServiceConfig>> to_vipd(const policy::Services& services,
                                                  const Without& without) {
    Writer writer(without);
    for (const VirtualService& service : services.services) {
        writer.write(service);
    }
    return writer.take();
}

}  // namespace rehome::lbsync::services
