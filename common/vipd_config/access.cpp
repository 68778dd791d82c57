#include "common/vipd_config/access.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <set>

#include <nlohmann/json.hpp>

#include "common/json/file.h"
#include "common/json/schema.h"
#include "common/sha256.h"

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
        : mistakes_(mistakes), document_(document) {
        if (services != nullptr) {
            services_.emplace(services->begin(), services->end());
        }
    }

    AccessRules read() {
        AccessRules made;
        read_lists();
        each(document_, "", "rules", [&](const json& rule, const std::string& at) {
            made.rules.push_back(read_rule(rule, at));
        });
        made.drops_others = document_["default"] == "drop";
        made.limits = read_limits(document_.value("limits", json::object()));
        made.admission = read_admission(document_.value("admission", json::object()));
        if (prefixes_ > AccessRules::prefixes_max) {
            mistakes_.add("/rules", fmt::format("have {} client prefixes, expected at most {}",
                                                prefixes_, AccessRules::prefixes_max));
        }
        return made;
    }

private:
    template <typename Take>
    void each(const json& of, const std::string& under, const char* key, Take take) {
        const json list = of.value(key, json::array());
        for (size_t i = 0; i < list.size(); ++i) {
            take(list[i], pointer_to(under + "/" + key, i));
        }
    }

    // Each prefix once, by whatever name; by what it was given before.
    struct Told {
        std::vector<Prefix> prefixes;
        std::map<Prefix, std::string> by;
    };

    void add(Told& told, const Prefix& prefix, const std::string& said, const std::string& at) {
        const auto [twice, is_new] = told.by.emplace(prefix, said);
        if (is_new) {
            told.prefixes.push_back(prefix);
        } else {
            mistakes_.add(at, fmt::format("{} is given twice, by {} and by {}, expected once",
                                          prefix.text(), twice->second, said));
        }
    }

    void read_prefix(const std::string& text, const std::string& at, Told& told) {
        if (const auto prefix = Prefix::parse(text)) {
            add(told, *prefix, text, at);
        } else {
            mistakes_.add(at, prefix.error().what);
        }
    }

    void read_lists() {
        each(document_, "", "lists", [&](const json& list, const std::string& at) {
            Told told;
            each(list, at, "clients", [&](const json& prefix, const std::string& where) {
                read_prefix(prefix.get<std::string>(), where, told);
            });
            if (!lists_.emplace(list["name"], std::move(told.prefixes)).second) {
                mistakes_.add(at + "/name", in_quotes(list["name"].get<std::string>()) +
                                                " is given twice, expected one list of that name");
            }
        });
    }

    std::vector<Prefix> read_clients(const json& of, const std::string& at) {
        Told told;
        each(of, at, "clients", [&](const json& item, const std::string& where) {
            const std::string said = item.get<std::string>();
            if (const auto list = lists_.find(said); list != lists_.end()) {
                for (const Prefix& prefix : list->second) {
                    add(told, prefix, said, where);
                }
            } else if (said.find_first_of(".:") == std::string::npos) {
                mistakes_.add(
                    where, "no list is called " + in_quotes(said) + ", expected one or a prefix");
            } else {
                read_prefix(said, where, told);
            }
        });
        prefixes_ += told.prefixes.size();
        return told.prefixes;
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
        Told vips;
        each(from, at, "vips", [&](const json& vip, const std::string& where) {
            read_prefix(vip.get<std::string>(), where, vips);
        });
        rule.vips = vips.prefixes;
        each(from, at, "ports", [&](const json& ports, const std::string& where) {
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
            each(clients, "/limits/clients", "except", [&](const json& one, const std::string& at) {
                limits.except.push_back({read_clients(one, at), one.contains("per_s")
                                                                    ? std::optional(read_rate(one))
                                                                    : std::nullopt});
                for (const Prefix& prefix : limits.except.back().clients) {
                    if (!before.insert(prefix).second) {
                        mistakes_.add(at + "/clients",
                                      prefix.text() + " is given twice, expected once");
                    }
                }
            });
        }
        std::set<std::string> services;
        each(from, "/limits", "services", [&](const json& one, const std::string& at) {
            limits.services.push_back({one["service"], read_rate(one)});
            expect_service(one["service"], at + "/service");
            if (!services.insert(one["service"]).second) {
                mistakes_.add(at + "/service", "has a limit already, expected one");
            }
        });
        std::set<Address> vips;
        each(from, "/limits", "vips", [&](const json& one, const std::string& at) {
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
        const double hundredths = from.value("percent", 100.0) * 100;
        if (std::abs(hundredths - std::round(hundredths)) > 1e-6) {
            mistakes_.add("/admission/percent",
                          "is " + from["percent"].dump() + ", expected a multiple of 0.01");
        }
        return {static_cast<uint32_t>(std::lround(hundredths)),
                from.value("refuse", "reset") == "reset"};
    }

    Mistakes& mistakes_;
    const json& document_;
    std::optional<std::set<std::string>> services_;
    std::map<std::string, std::vector<Prefix>> lists_;
    std::set<std::string> names_;
    size_t prefixes_ = 0;
};

// Of the text, whose keys are sorted.
uint64_t digest_of(const json& document) {
    return short_sha256(document.dump());
}

}  // namespace

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
    if (!mistakes.none()) {
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
