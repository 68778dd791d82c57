#include "vipd/placement/rules.h"

#include <fmt/format.h>

#include <algorithm>
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
#include "common/formats/vipd-placement.schema.inc"
    );
    return parsed;
}

class Reader {
public:
    Reader(Mistakes& mistakes, const json& document, const std::optional<PlacementNames>& names)
        : mistakes_(mistakes), document_(document), names_(names), lists_(mistakes, document) {}

    PlacementRules read() {
        PlacementRules rules;
        each_of(mistakes_, document_, "", "sets", [&](const json& set, const std::string& at) {
            rules.sets.push_back(read_set(set, at));
        });
        each_of(mistakes_, document_, "", "weights",
                [&](const json& weights, const std::string& at) {
                    rules.weights.push_back(read_weights(weights, at));
                });
        if (ranges_ > PlacementRules::ranges_max) {
            mistakes_.add("/sets", fmt::format("have {} client prefixes, expected at most {}",
                                               ranges_, PlacementRules::ranges_max));
        }
        return rules;
    }

private:
    // Empty: it is of all.
    std::string service_of(const json& of, const std::string& at, std::set<std::string>& known) {
        std::string service = of.value("service", "");
        const std::string told = service.empty() ? "all services" : "service " + in_quotes(service);
        if (!known.insert(service).second) {
            mistakes_.add(at, "is a second one of " + told + ", expected one");
        }
        if (names_ && names_->services && !service.empty()) {
            expect_one_of(service, "service", *names_->services, at + "/service");
        }
        return service;
    }

    void expect_one_of(const std::string& name, const std::string& what,
                       const std::vector<std::string>& known, const std::string& at) {
        if (std::find(known.begin(), known.end(), name) == known.end()) {
            mistakes_.add(at, fmt::format("no {} is called {}, expected one of {}", what,
                                          in_quotes(name), fmt::join(known, ", ")));
        }
    }

    uint8_t site_of(const std::string& site, const std::string& at, PlacementRules::Set& set) {
        const auto found = std::find(set.sites.begin(), set.sites.end(), site);
        const auto index = static_cast<size_t>(found - set.sites.begin());
        if (found == set.sites.end()) {
            if (names_) {
                expect_one_of(site, "site", names_->sites, at);
            }
            if (index == no_site) {
                mistakes_.add(at, "is one site too many, expected at most 255");
                return 0;
            }
            set.sites.push_back(site);
        }
        return static_cast<uint8_t>(index);
    }

    PlacementRules::Set read_set(const json& from, const std::string& at) {
        PlacementRules::Set set;
        set.service = service_of(from, at, services_with_sets_);
        DistinctPrefixes clients(mistakes_);
        each_of(mistakes_, from, at, "ranges", [&](const json& range, const std::string& where) {
            read_range(range.get<std::string>(), where, set, clients);
        });
        set.clients = clients.take();
        set.ranges = ClientRanges(set.clients);
        ranges_ += set.clients.size();
        return set;
    }

    // "192.0.2.0/24 new" or "staff new".
    void read_range(const std::string& text, const std::string& at, PlacementRules::Set& set,
                    DistinctPrefixes& clients) {
        const size_t space = text.find(' ');
        const std::string said = text.substr(0, space);
        const std::string site = space == std::string::npos ? "" : text.substr(space + 1);
        if (said.empty() || site.empty() || site.find(' ') != std::string::npos) {
            mistakes_.add(at, in_quotes(text) + " is no range, expected CLIENTS SITE");
            return;
        }
        const uint8_t number = site_of(site, at, set);
        for (const Prefix& prefix : lists_.find(said, at)) {
            if (clients.add(prefix, said, at)) {
                set.site_of.push_back(number);
                set.said.push_back(said);
            }
        }
    }

    PlacementRules::Weights read_weights(const json& from, const std::string& at) {
        PlacementRules::Weights weights;
        weights.service = service_of(from, at, services_with_weights_);
        weights.by =
            from.value("by", "address") == "address" ? ShareBy::address : ShareBy::address_port;
        bool some = false;
        for (const auto& [site, percent] : from["sites"].items()) {
            const std::string where = pointer_to(at + "/sites", site);
            if (names_) {
                expect_one_of(site, "site", names_->sites, where);
            }
            weights.sites.push_back({site, hundredths_of(mistakes_, percent, where)});
            some = some || weights.sites.back().hundredths != 0;
        }
        if (!some) {
            mistakes_.add(at + "/sites", "have weights of 0 alone, expected one that is more");
        }
        return weights;
    }

    Mistakes& mistakes_;
    const json& document_;
    const std::optional<PlacementNames>& names_;
    ClientLists lists_;
    std::set<std::string> services_with_sets_, services_with_weights_;
    size_t ranges_ = 0;
};

}  // namespace

bool PlacementRules::weighs_all() const {
    return std::any_of(weights.begin(), weights.end(),
                       [](const Weights& of) { return of.service.empty(); });
}

bool PlacementRules::concerns_all() const {
    return weighs_all() ||
           std::any_of(sets.begin(), sets.end(), [](const Set& of) { return of.service.empty(); });
}

std::set<std::string> PlacementRules::named_services() const {
    std::set<std::string> named;
    for (const Set& set : sets) {
        named.insert(set.service);
    }
    for (const Weights& of : weights) {
        named.insert(of.service);
    }
    named.erase("");
    return named;
}

std::set<std::string> PlacementRules::named_sites() const {
    std::set<std::string> named;
    for (const Set& set : sets) {
        named.insert(set.sites.begin(), set.sites.end());
    }
    for (const Weights& of : weights) {
        for (const Weight& weight : of.sites) {
            named.insert(weight.site);
        }
    }
    return named;
}

json no_placement() {
    return {{"schema", "rehome/vipd-placement/1"}};
}

Checked<std::shared_ptr<const PlacementRules>> read_placement(
    std::string_view file, std::string_view under, const json& document,
    const std::optional<PlacementNames>& names) {
    Mistakes mistakes{std::string(file), std::string(under)};
    check_schema(mistakes, document, schema());
    if (!mistakes.none() && !rest_fits(mistakes, document, schema())) {
        return tl::unexpected(mistakes.take());
    }
    auto rules = std::make_shared<PlacementRules>(Reader(mistakes, document, names).read());
    if (!mistakes.none()) {
        return tl::unexpected(mistakes.take());
    }
    rules->digest = document == no_placement() ? 0 : digest_of(document);
    rules->document = std::make_shared<const json>(document);
    return rules;
}

}  // namespace rehome::vipd
