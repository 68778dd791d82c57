// See plan.h.
#include "probe/core/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "probe/core/dscp.h"
#include "probe/core/stamp.h"
#include "probe/core/tcp_flow.h"

namespace rehome::probe {

namespace {

constexpr int64_t largest_size = 9216;  // jumbo frames

class Planner {
public:
    Planner(const Asked& asked, const Inventory* inventory)
        : asked_(asked), inventory_(inventory) {}

    Checked<Plan> make();

private:
    void mistake(std::string option, std::string what) {
        mistakes_.push_back({Exit::usage, std::move(option), std::move(what)});
    }
    bool any_kind() const { return asked_.icmp || asked_.tcp || asked_.udp; }

    const Carrier* find_carrier();
    void bind();
    void pace();
    void shape();
    void check_size(const Path& path);
    void choose_target();
    void choose_services();
    void add_service(const Service& service, bool named);
    void add(Kind kind, const Endpoint& target, const std::string& service);
    void check_source(const Address& source);
    void check_paths();

    const Asked& asked_;
    const Inventory* inventory_;
    Plan plan_;
    bool source_known_ = false;  // what depends on it is not judged without it
    std::vector<Error> mistakes_;
};

const Carrier* Planner::find_carrier() {
    if (asked_.carrier.empty()) {
        mistake("--carrier", "is missing, expected a carrier's name");
        return nullptr;
    }
    if (inventory_ == nullptr) {
        return nullptr;
    }
    const Carrier* carrier = inventory_->carrier(asked_.carrier);
    if (carrier == nullptr) {
        mistake("--carrier", "no carrier " + in_quotes(asked_.carrier) + " in the inventory");
    }
    return carrier;
}

// The options win over the carrier's vantage.
void Planner::bind() {
    plan_.carrier = asked_.carrier;
    const Carrier* carrier = find_carrier();
    if (carrier != nullptr && carrier->vantage) {
        const Vantage& vantage = *carrier->vantage;
        plan_.binding = {vantage.source, vantage.mark, vantage.interface};
        plan_.other_source = vantage.source6;
        source_known_ = true;
    }
    if (!asked_.interface.empty()) {
        plan_.binding.interface = asked_.interface;
    }
    if (asked_.mark && (*asked_.mark < 0 || *asked_.mark > UINT32_MAX)) {
        mistake("--mark", "is out of range, expected 0 to 4294967295");
    } else if (asked_.mark) {
        plan_.binding.mark = static_cast<uint32_t>(*asked_.mark);
    }
    if (!asked_.source.empty()) {
        const auto source = Address::parse(asked_.source);
        if (!source) {
            mistake("--source", source.error().text());
            return;
        }
        plan_.binding.source = *source;
        plan_.other_source.reset();
        source_known_ = true;
    } else if (inventory_ == nullptr) {
        mistake("--source", "is missing, expected an address of this host, or --inventory");
    } else if (carrier != nullptr && !carrier->vantage) {
        mistake("--source", "is missing, expected an address of this host, as carrier " +
                                in_quotes(carrier->name) + " has no vantage in the inventory");
    }
}

void Planner::pace() {
    constexpr int64_t most_probes = 10'000'000;
    constexpr double highest_rate = 100'000;
    constexpr int64_t longest_wait_ms = 60'000;
    if (asked_.count < 1 || asked_.count > most_probes) {
        mistake("--count", fmt::format("is out of range, expected 1 to {}", most_probes));
    }
    if (!std::isfinite(asked_.rate_pps) || asked_.rate_pps < 0.01 ||
        asked_.rate_pps > highest_rate) {
        mistake("--rate", fmt::format("is out of range, expected 0.01 to {}", highest_rate));
    }
    if (asked_.wait_ms < 1 || asked_.wait_ms > longest_wait_ms) {
        mistake("--wait", fmt::format("is out of range, expected 1 to {}", longest_wait_ms));
    }
    plan_.count = static_cast<uint32_t>(asked_.count);
    plan_.rate_pps = asked_.rate_pps;
    plan_.wait = asked_.wait_ms * 1'000'000;
    plan_.sampling = asked_.poisson ? Sampling::poisson : Sampling::periodic;
    plan_.seed = asked_.seed;
}

void Planner::shape() {
    if (asked_.size && (*asked_.size < 1 || *asked_.size > largest_size)) {
        mistake("--size", fmt::format("is out of range, expected at most {}", largest_size));
    } else {
        plan_.size = static_cast<uint16_t>(asked_.size.value_or(0));
    }
    const auto dscp = parse_dscp(asked_.dscp);
    if (!dscp) {
        mistake("--dscp",
                "expected 0 to 63 or a name as EF, AF41 or CS1, not " + in_quotes(asked_.dscp));
    }
    plan_.dscp = dscp.value_or(0);
    plan_.key = asked_.key;
    plan_.authenticated = !asked_.key.empty();
}

void Planner::check_size(const Path& path) {
    const size_t least = least_size(path.kind, path.target.address.family, plan_.key);
    if (path.kind == Kind::tcp) {
        mistake("--size", fmt::format("a SYN carries no data, expected --icmp, --udp or both, not "
                                      "tcp to {}",
                                      path.target_text()));
    } else if (plan_.size < least) {
        mistake("--size", fmt::format("is too small for {} to {}, expected at least {}",
                                      name(path.kind), path.target_text(), least));
    }
}

void Planner::add(Kind kind, const Endpoint& target, const std::string& service) {
    for (Path& path : plan_.paths) {
        if (path.kind == kind && path.target == target) {
            path.services.push_back(service);
            return;
        }
    }
    Path path{.kind = kind, .services = {}, .target = target};
    if (!service.empty()) {
        path.services.push_back(service);
    }
    plan_.paths.push_back(std::move(path));
}

void Planner::choose_target() {
    Endpoint target;
    if (const auto endpoint = Endpoint::parse(asked_.target)) {
        target = *endpoint;
    } else if (const auto address = Address::parse(asked_.target)) {
        target.address = *address;
    } else {
        mistake("--target",
                "expected ADDRESS, ADDRESS:PORT or [ADDRESS]:PORT (names are not looked up), not " +
                    in_quotes(asked_.target));
        return;
    }
    const bool stamp = asked_.udp || (!any_kind() && target.port == stamp_port);
    const bool tcp = asked_.tcp || (!any_kind() && target.port != 0 && !stamp);
    if (tcp && target.port == 0) {
        mistake("--target", "has no port, which --tcp needs: expected " + asked_.target + ":PORT");
    }
    if (asked_.icmp || !any_kind()) {
        add(Kind::icmp, {target.address, 0}, "");
    }
    if (tcp) {
        add(Kind::tcp, target, "");
    }
    if (stamp) {
        add(Kind::udp, {target.address, target.port != 0 ? target.port : stamp_port}, "");
    }
}

void Planner::add_service(const Service& service, bool named) {
    if (source_known_ && !plan_.binding_for(service.vip.family)) {
        if (named) {
            mistake("--service",
                    fmt::format("{} has VIP {}, expected the family of the source {}", service.name,
                                service.vip.text(), plan_.binding.source.text()));
        } else {
            plan_.left_out.push_back(service.name);
        }
        return;
    }
    const size_t before = plan_.paths.size();
    const bool is_tcp = service.protocol == Protocol::tcp;
    if (asked_.icmp || !any_kind()) {
        add(Kind::icmp, {service.vip, 0}, service.name);
    }
    if (is_tcp && (asked_.tcp || !any_kind())) {
        add(Kind::tcp, {service.vip, service.port}, service.name);
    }
    if (!is_tcp && (asked_.udp || (!any_kind() && service.port == stamp_port))) {
        add(Kind::udp, {service.vip, service.port}, service.name);
    }
    if (named && !asked_.icmp && any_kind() && plan_.paths.size() == before) {
        mistake("--service", fmt::format("{} is a {} service, expected one of the kind asked for",
                                         service.name, rehome::name(service.protocol)));
    }
}

void Planner::choose_services() {
    if (inventory_ == nullptr) {
        mistake("--inventory", "is missing, expected it or --target");
        return;
    }
    for (const std::string& name : asked_.services) {
        const Service* service = inventory_->service(name);
        if (service == nullptr) {
            mistake("--service", "no service " + in_quotes(name) + " in the inventory");
        } else {
            add_service(*service, true);
        }
    }
    if (asked_.services.empty()) {
        for (const Service& service : inventory_->services) {
            add_service(service, false);
        }
    }
}

void Planner::check_paths() {
    if (plan_.paths.empty() && mistakes_.empty()) {
        mistake("", "nothing to measure: no service fits the kinds and the source's family");
    }
    for (const Path& path : plan_.paths) {
        if (plan_.size != 0) {
            check_size(path);
        }
        if (mistakes_.empty() && !plan_.binding_for(path.target.address.family)) {
            mistake("--target",
                    fmt::format("{} is not of the family of the source {}",
                                path.target.address.text(), plan_.binding.source.text()));
        }
        const size_t ports = ports_needed(plan_.rate_pps, plan_.wait, plan_.count);
        if (mistakes_.empty() && path.kind == Kind::tcp && ports > ports_at_most) {
            mistake("--rate",
                    fmt::format("times --wait takes {} source ports for tcp, expected at most {}",
                                ports, ports_at_most));
        }
    }
}

void Planner::check_source(const Address& source) {
    if (source == Address{.family = source.family}) {
        mistake("--source",
                source.text() + " is no address to send from, expected one of this host");
    }
}

Checked<Plan> Planner::make() {
    bind();
    if (source_known_) {
        check_source(plan_.binding.source);
    }
    if (plan_.other_source) {
        check_source(*plan_.other_source);
    }
    pace();
    shape();
    if (!asked_.target.empty() && !asked_.services.empty()) {
        mistake("--target", "was given with --service, expected one of them");
    } else if (!asked_.target.empty()) {
        choose_target();
    } else {
        choose_services();
    }
    check_paths();
    if (!mistakes_.empty()) {
        return tl::unexpected(std::move(mistakes_));
    }
    return std::move(plan_);
}

}  // namespace

std::optional<Binding> Plan::binding_for(Family family) const {
    Binding found = binding;
    if (other_source && other_source->family == family) {
        found.source = *other_source;
    }
    return found.source.family == family ? std::optional(found) : std::nullopt;
}

uint16_t Plan::size_of(const Path& path) const {
    return size != 0 ? size
                     : static_cast<uint16_t>(own_size(path.kind, path.target.address.family, key));
}

std::string Path::target_text() const {
    return kind == Kind::icmp ? target.address.text() : target.text();
}

Packet probe_packet(const Path& path, uint16_t source_port, uint8_t dscp) {
    return path.kind == Kind::udp
               ? connection_packet(path, source_port, dscp)
               : Packet{.target = path.target.address,
                        .protocol = protocol_of(path.kind, path.target.address.family),
                        .dscp = dscp};
}

Packet connection_packet(const Path& path, uint16_t source_port, uint8_t dscp) {
    return {.target = path.target.address,
            .protocol = protocol_of(path.kind, path.target.address.family),
            .source_port = source_port,
            .target_port = path.target.port,
            .dscp = dscp};
}

Checked<Plan> make_plan(const Asked& asked, const Inventory* inventory) {
    return Planner(asked, inventory).make();
}

}  // namespace rehome::probe
