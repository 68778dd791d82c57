#include "common/vipd_config/access.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>

#include <nlohmann/json.hpp>

#include "common/json/file.h"
#include "common/json/schema.h"
#include "common/vipd_config/clients.h"

namespace rehome::vipd {

namespace {

using nlohmann::json;

const json& schema() {
    static const json parsed = json::parse(
#include "common/formats/vipd-access.schema.inc"
    );
    return parsed;
}

class Reader {
public:
    Reader(Mistakes& mistakes, const json& document, const std::vector<std::string>* services)
        : mistakes_(mistakes), document_(document), lists_(mistakes, document) {
        if (services != nullptr) {
            services_.emplace(services->begin(), services->end());
        }
    }

    AccessRules read() {
        AccessRules made;
        each_of(mistakes_, document_, "", "rules", [&](const json& rule, const std::string& at) {
            made.rules.push_back(read_rule(rule, at));
        });
        made.drops_others = document_["default"] == "drop";
        made.limits = read_limits(part("limits"));
        made.admission = read_admission(part("admission"));
        if (prefixes_ > AccessRules::prefixes_max) {
            mistakes_.add("/rules", fmt::format("have {} client prefixes, expected at most {}",
                                                prefixes_, AccessRules::prefixes_max));
        }
        return made;
    }

private:
    json part(const char* key) const {
        return mistakes_.has_in(pointer_to("", key)) ? json::object()
                                                     : document_.value(key, json::object());
    }

    // words: by which each is said.
    std::vector<Prefix> read_clients(const json& of, const std::string& at,
                                     std::vector<std::string>* words = nullptr) {
        DistinctPrefixes clients(mistakes_);
        each_of(mistakes_, of, at, "clients", [&](const json& item, const std::string& where) {
            const std::string said = item.get<std::string>();
            for (const Prefix& prefix : lists_.find(said, where)) {
                if (clients.add(prefix, said, where) && words != nullptr) {
                    words->push_back(said);
                }
            }
        });
        std::vector<Prefix> prefixes = clients.take();
        prefixes_ += prefixes.size();
        return prefixes;
    }

    void expect_service(const std::string& service, const std::string& at) {
        if (services_ && !services_->contains(service)) {
            mistakes_.add(at, "no service is called " + in_quotes(service) +
                                  ", expected one of the configuration's");
        }
    }

    void read_ports(const std::string& text, const std::string& at, AccessRule& rule) {
        const size_t dash = text.find('-');
        const auto number = [&](std::string_view digits) {
            uint32_t port = 0;
            std::from_chars(digits.data(), digits.data() + digits.size(), port);
            if (port < 1 || port > 65'535) {
                mistakes_.add(at, fmt::format("{} is no port, expected 1 to 65535", digits));
            }
            return static_cast<uint16_t>(port);
        };
        const uint16_t first = number(std::string_view(text).substr(0, dash));
        const uint16_t last =
            dash == std::string::npos ? first : number(std::string_view(text).substr(dash + 1));
        const AccessRule::Ports ports{first, last};
        if (first > last) {
            mistakes_.add(at, text + " is reversed, expected the lower port first");
        } else if (std::find(rule.ports.begin(), rule.ports.end(), ports) != rule.ports.end()) {
            mistakes_.add(at, text + " is given twice, expected once");
        }
        rule.ports.push_back(ports);
    }

    AccessRule read_rule(const json& from, const std::string& at) {
        AccessRule rule;
        rule.name = from.value("name", "");
        rule.service = from.value("service", "");
        rule.drops = from["action"] == "drop";
        rule.clients = read_clients(from, at);
        if (!rule.name.empty() && !names_.insert(rule.name).second) {
            mistakes_.add(at + "/name",
                          in_quotes(rule.name) + " is given twice, expected one rule of that name");
        }
        if (!rule.service.empty()) {
            expect_service(rule.service, at + "/service");
            for (const char* key : {"vips", "ports", "protocol"}) {
                if (from.contains(key)) {
                    mistakes_.add(at + "/" + key,
                                  "is said beside a service, which says it, expected one of both");
                }
            }
        }
        DistinctPrefixes vips(mistakes_);
        each_of(mistakes_, from, at, "vips", [&](const json& vip, const std::string& where) {
            const std::string said = vip.get<std::string>();
            if (const auto prefix = Prefix::parse(said)) {
                vips.add(*prefix, said, where);
            } else {
                mistakes_.add(where, prefix.error().what);
            }
        });
        rule.vips = vips.take();
        each_of(mistakes_, from, at, "ports", [&](const json& ports, const std::string& where) {
            read_ports(ports.get<std::string>(), where, rule);
        });
        const std::string protocol = from.value("protocol", "");
        rule.protocol = protocol == "tcp"    ? AccessRule::Protocol::tcp
                        : protocol == "udp"  ? AccessRule::Protocol::udp
                        : protocol == "icmp" ? AccessRule::Protocol::icmp
                                             : AccessRule::Protocol::any;
        if (rule.protocol == AccessRule::Protocol::icmp && !rule.ports.empty()) {
            mistakes_.add(at + "/ports", "are said of ICMP, which has none, expected no ports");
        }
        if (!can_match(rule)) {
            mistakes_.add(at,
                          "has clients of one family and VIPs of the other, so that nothing "
                          "matches, expected both of one");
        }
        return rule;
    }

    static bool can_match(const AccessRule& rule) {
        const auto has = [](const std::vector<Prefix>& prefixes, Family family) {
            return prefixes.empty() ||
                   std::any_of(prefixes.begin(), prefixes.end(), [&](const Prefix& prefix) {
                       return prefix.address.family == family;
                   });
        };
        return (has(rule.clients, Family::v4) && has(rule.vips, Family::v4)) ||
               (has(rule.clients, Family::v6) && has(rule.vips, Family::v6));
    }

    static FlowRate read_rate(const json& from) {
        const double per_s = from["per_s"];
        return {per_s, from.value("burst", std::max(per_s, 1.0))};
    }

    LimitRules read_limits(const json& from) {
        LimitRules limits;
        if (from.contains("clients")) {
            const json& clients = from["clients"];
            limits.clients = {read_rate(clients), clients.value<uint8_t>("ipv4_length", 32),
                              clients.value<uint8_t>("ipv6_length", 56)};
            std::set<Prefix> before;
            each_of(mistakes_, clients, "/limits/clients", "except",
                    [&](const json& one, const std::string& at) {
                        LimitRules::Except& except = limits.except.emplace_back();
                        except.clients = read_clients(one, at, &except.said);
                        if (one.contains("per_s")) {
                            except.rate = read_rate(one);
                        }
                        for (const Prefix& prefix : except.clients) {
                            if (!before.insert(prefix).second) {
                                mistakes_.add(at + "/clients",
                                              prefix.text() + " is given twice, expected once");
                            }
                        }
                    });
        }
        std::set<std::string> services;
        each_of(mistakes_, from, "/limits", "services",
                [&](const json& one, const std::string& at) {
                    limits.services.push_back({one["service"], read_rate(one)});
                    expect_service(one["service"], at + "/service");
                    if (!services.insert(one["service"]).second) {
                        mistakes_.add(at + "/service", "has a limit already, expected one");
                    }
                });
        std::set<Address> vips;
        each_of(mistakes_, from, "/limits", "vips", [&](const json& one, const std::string& at) {
            const auto vip = Address::parse(one["vip"].get<std::string>());
            if (!vip) {
                mistakes_.add(at + "/vip", vip.error().what);
                return;
            }
            limits.vips.push_back({*vip, read_rate(one)});
            if (!vips.insert(*vip).second) {
                mistakes_.add(at + "/vip", "has a limit already, expected one");
            }
        });
        return limits;
    }

    AdmissionRule read_admission(const json& from) {
        return {hundredths_of(mistakes_, from.value("percent", 100.0), "/admission/percent"),
                from.value("refuse", "reset") == "reset"};
    }

    Mistakes& mistakes_;
    const json& document_;
    std::optional<std::set<std::string>> services_;
    ClientLists lists_;
    std::set<std::string> names_;
    size_t prefixes_ = 0;
};

}  // namespace

std::optional<std::string> LimitRules::excepts(const Address& client) const {
    const Prefix own{client, client.bits()};
    for (const Except& one : except) {
        const auto found = std::find(one.clients.begin(), one.clients.end(), own);
        if (found != one.clients.end()) {
            return one.said[static_cast<size_t>(found - one.clients.begin())];
        }
    }
    return std::nullopt;
}

std::set<std::string> AccessRules::named_services() const {
    std::set<std::string> named;
    for (const AccessRule& rule : rules) {
        named.insert(rule.service);
    }
    for (const LimitRules::Named& one : limits.services) {
        named.insert(one.service);
    }
    named.erase("");
    return named;
}

std::string AccessRules::name_of(uint32_t rule) const {
    if (rule >= rules.size()) {
        return "the default";
    }
    const std::string& name = rules[rule].name;
    return fmt::format("rule {}{}", rule + 1, name.empty() ? "" : " (" + name + ")");
}

json no_access() {
    return {{"schema", "rehome/vipd-access/1"}, {"default", "accept"}};
}

Checked<std::shared_ptr<const AccessRules>> read_access(std::string_view file,
                                                        std::string_view under,
                                                        const json& document,
                                                        const std::vector<std::string>* services) {
    Mistakes mistakes{std::string(file), std::string(under)};
    check_schema(mistakes, document, schema());
    if (!mistakes.none() && !rest_fits(mistakes, document, schema())) {
        return tl::unexpected(mistakes.take());
    }
    auto made = std::make_shared<AccessRules>(Reader(mistakes, document, services).read());
    if (!mistakes.none()) {
        return tl::unexpected(mistakes.take());
    }
    made->digest = document == no_access() ? 0 : digest_of(document);
    made->rules_digest = digest_of(
        {document.value("lists", json()), document.value("rules", json()), document["default"]});
    made->document = std::make_shared<const json>(document);
    return made;
}

}  // namespace rehome::vipd
