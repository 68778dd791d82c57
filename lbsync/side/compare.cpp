#include "lbsync/side/compare.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "lbsync/mapping/policy_image.h"
#include "lbsync/proof/report.h"
#include "lbsync/side/beside.h"

namespace rehome::lbsync::side {

namespace {

using nlohmann::ordered_json;
using proof::Proof;

// What this side has and the other says nothing of.
void tell_one_sided(const Side& side, const Side& other, std::vector<std::string>& one_sided) {
    if (side.policy && !other.policy) {
        one_sided.push_back(side.name + ": what packets meet there");
    }
    if (side.services && !other.services && !side.services->services.empty()) {
        one_sided.push_back(side.name + ": its services");
    }
}

void tell_beside(const Side& side, std::vector<std::string>& beside) {
    const auto& more = side.services->beside;
    beside.insert(beside.end(), more.begin(), more.end());
}

std::string text(const services::Differences& found) {
    std::string said;
    for (const services::ServiceDifference& service : found.services) {
        said += service.service + "\n";
        for (const std::string& line : service.lines) {
            said += "  " + line + "\n";
        }
    }
    for (const std::string& state : found.state) {
        said += fmt::format("note: {}: state, no difference\n", state);
    }
    if (found.one_runs) {
        said +=
            "note: IPVS has no checks, sorry servers or quorums: what a file says of them is not "
            "compared\n";
    }
    return said;
}

// What the verdict is of: "", where that is all that either side says.
std::string_view scope(const Comparison& comparison) {
    if (comparison.one_sided.empty()) {
        return "";
    }
    return comparison.policies ? " in what packets meet" : " in services";
}

std::string_view word(Exit verdict) {
    return verdict == Exit::yes ? "equal" : verdict == Exit::no ? "differs" : "not provable";
}

std::string_view verdict_name(const Comparison& comparison) {
    const Exit verdict = comparison.verdict();
    return verdict == Exit::yes && !comparison.left_alone.empty()
               ? "equal but for what is left alone"
               : word(verdict);
}

ordered_json services_json(const services::Differences& found) {
    ordered_json list = ordered_json::array();
    for (const services::ServiceDifference& service : found.services) {
        list.push_back({{"service", service.service}, {"lines", service.lines}});
    }
    return list;
}

// Settings, routing by mark, tc and XDP: hosts have them, files say nothing of them.
void compare_outside(const Side& old_one, const Side& new_one, const Images& images, bool same,
                     Comparison& comparison) {
    if (old_one.outside && new_one.outside) {
        comparison.outside = outside::compare(*old_one.outside, *new_one.outside,
                                              {old_one.name, new_one.name, images, same});
    } else if (old_one.policy && new_one.policy) {
        comparison.beside.push_back((old_one.outside ? new_one : old_one).name +
                                    ": a file tells nothing of forwarding, conntrack's settings, "
                                    "tc, XDP and rules by mark");
    }
}

void leave_alone(Side& side, SideOf of, const MapFile& map, Comparison& comparison) {
    if (side.policy) {
        const auto found = lbsync::leave_alone(*side.policy, side.name, of, map);
        comparison.left_alone.insert(comparison.left_alone.end(), found.begin(), found.end());
    }
}

void map_side(Side& side, const Mapping& mapping, const Interfaces& interfaces,
              std::vector<Error>& errors) {
    if (side.policy) {
        side.policy = image(std::move(*side.policy), mapping, interfaces, errors);
    }
    if (side.services) {
        side.services = image(std::move(*side.services), mapping, interfaces, errors);
    }
}

}  // namespace

Exit Comparison::verdict() const {
    if (services && !services->services.empty()) {
        return Exit::no;
    }
    if (outside && !outside->equal()) {
        const bool differs = !outside->differences.empty() ||
                             (policies && policies->answer == Proof::Answer::differs);
        return differs ? Exit::no : Exit::unknown;
    }
    if (!policies) {
        return Exit::yes;
    }
    switch (policies->answer) {
        case Proof::Answer::equal:
            return Exit::yes;
        case Proof::Answer::differs:
            return Exit::no;
        default:
            return Exit::unknown;
    }
}

Checked<Comparison> compare(Side old_one, Side new_one, const MapFile& map,
                            const proof::Bounds& bounds) {
    std::vector<Error> errors;
    if (!(old_one.policy && new_one.policy) && !(old_one.services && new_one.services)) {
        errors.push_back({Exit::usage, old_one.name + " and " + new_one.name,
                          "one says what packets meet, the other which services there are: they "
                          "have nothing to compare"});
        return tl::unexpected(std::move(errors));
    }
    Comparison comparison;
    comparison.old_name = old_one.name;
    comparison.new_name = new_one.name;
    const auto order = old_one.policy && new_one.policy
                           ? order_beside(*old_one.policy, *new_one.policy, map, false)
                           : std::vector<Doubt>{};
    leave_alone(old_one, SideOf::from, map, comparison);
    leave_alone(new_one, SideOf::to, map, comparison);
    comparison.unmatched = unmatched(map, comparison.left_alone);

    auto mapping = Mapping::of(map);
    if (!mapping) {
        return tl::unexpected(std::move(mapping.error()));
    }
    const Interfaces interfaces = interfaces_of({old_one.name, new_one.name, {}}, map, errors);
    mapping->add_vlans(interfaces);
    if (!map.digest.empty()) {
        map_side(old_one, *mapping, interfaces, errors);
    }
    if (!errors.empty()) {
        return tl::unexpected(std::move(errors));
    }
    if (old_one.policy && new_one.policy) {
        comparison.policies = proof::prove(*old_one.policy, *new_one.policy, bounds);
        Proof& proof = *comparison.policies;
        proof.doubts.insert(proof.doubts.end(), order.begin(), order.end());
        if (!order.empty() && proof.answer == Proof::Answer::equal) {
            proof.answer = Proof::Answer::unknown;
        }
    }
    if (old_one.services && new_one.services) {
        comparison.services = services::differences(*old_one.services, *new_one.services);
        tell_beside(old_one, comparison.beside);
        tell_beside(new_one, comparison.beside);
    }
    compare_outside(old_one, new_one, Images::of(*mapping, interfaces), map.digest.empty(),
                    comparison);
    tell_one_sided(old_one, new_one, comparison.one_sided);
    tell_one_sided(new_one, old_one, comparison.one_sided);
    return comparison;
}

std::string text_report(const Comparison& comparison) {
    std::string said;
    if (comparison.policies) {
        const auto lines =
            proof::lines(*comparison.policies, comparison.old_name, comparison.new_name);
        said = fmt::format("{}{}", fmt::join(lines, "\n"), lines.empty() ? "" : "\n");
    }
    said += comparison.services ? text(*comparison.services) : "";
    for (const std::string& line :
         comparison.outside ? lines(*comparison.outside) : std::vector<std::string>{}) {
        said += in_one_line(line) + "\n";
    }
    for (const LeftAlone& table : comparison.left_alone) {
        said += line(table) + "\n";
    }
    for (const std::string& entry : comparison.unmatched) {
        said += "note: " + in_one_line(entry) + "\n";
    }
    for (const auto* list : {&comparison.one_sided, &comparison.beside}) {
        for (const std::string& line : *list) {
            said += fmt::format("not compared: {}\n", in_one_line(line));
        }
    }
    const Exit verdict = comparison.verdict();
    return said + fmt::format("{}{}{}: {} and {}\n", word(verdict), scope(comparison),
                              verdict == Exit::yes ? but_for(comparison.left_alone) : "",
                              comparison.old_name, comparison.new_name);
}

ordered_json json_report(const Comparison& comparison, std::string_view at) {
    ordered_json report{{"schema", "rehome/lbsync-sides/1"},
                        {"at", at},
                        {"old", comparison.old_name},
                        {"new", comparison.new_name},
                        {"verdict", verdict_name(comparison)}};
    report.update(proof::to_json(comparison.policies.value_or(Proof{})));
    const auto found = comparison.services.value_or(services::Differences{});
    report["services"] = services_json(found);
    report["state"] = found.state;
    report["checks_compared"] = comparison.services && found.checks_seen;
    report["one_sided"] = comparison.one_sided;
    if (comparison.outside) {
        report["outside"] = to_json(*comparison.outside);
    }
    report["left_alone"] = to_json(comparison.left_alone);
    report["unmatched"] = comparison.unmatched;
    report["not_compared"] = comparison.beside;
    return report;
}

}  // namespace rehome::lbsync::side
