#include "lbsync/side/compare.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace rehome::lbsync::side {

namespace {

using nlohmann::ordered_json;
using proof::Proof;

// What this side has and the other says nothing of.
void tell_beside(const Side& side, const Side& other, std::vector<std::string>& beside) {
    if (side.policy && !other.policy) {
        beside.push_back(side.name + ": what packets meet there");
    }
    if (side.services && !other.services && !side.services->services.empty()) {
        beside.push_back(side.name + ": its services");
    }
    if (side.services && other.services) {
        const auto& more = side.services->beside;
        beside.insert(beside.end(), more.begin(), more.end());
    }
}

std::string treatment(std::string_view side, const proof::Treatment& treatment) {
    return fmt::format("  {}: {}\n    {}{}{}\n", side, treatment.outcome, treatment.place,
                       treatment.words.empty() ? "" : ": ", treatment.words);
}

std::string text(const Proof& proof, const Comparison& comparison) {
    std::string said;
    for (const proof::Difference& difference : proof.differences) {
        said += difference.packet + "\n" + treatment(comparison.old_name, difference.old_one) +
                treatment(comparison.new_name, difference.new_one);
    }
    said += proof.more ? "and other packets differ too\n" : "";
    for (const Doubt& doubt : proof.doubts) {
        said += fmt::format("not provable: {}: {}\n", doubt.where, doubt.what);
    }
    for (const std::string& rule : proof.unreachable) {
        said += fmt::format("note: no packet meets {}\n", rule);
    }
    return said;
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

std::string summary(const Comparison& comparison) {
    const Exit verdict = comparison.verdict();
    const std::string_view word = verdict == Exit::yes  ? "equal"
                                  : verdict == Exit::no ? "differs"
                                                        : "not provable";
    return fmt::format("{}: {} and {}\n", word, comparison.old_name, comparison.new_name);
}

ordered_json to_json(const proof::Treatment& treatment) {
    return {{"outcome", treatment.outcome}, {"place", treatment.place}, {"words", treatment.words}};
}

ordered_json packets_json(const Proof& proof) {
    ordered_json list = ordered_json::array();
    for (const proof::Difference& difference : proof.differences) {
        list.push_back({{"packet", difference.packet},
                        {"old", to_json(difference.old_one)},
                        {"new", to_json(difference.new_one)}});
    }
    return list;
}

ordered_json doubts_json(const Proof& proof) {
    ordered_json list = ordered_json::array();
    for (const Doubt& doubt : proof.doubts) {
        list.push_back({{"where", doubt.where}, {"what", doubt.what}});
    }
    return list;
}

ordered_json services_json(const services::Differences& found) {
    ordered_json list = ordered_json::array();
    for (const services::ServiceDifference& service : found.services) {
        list.push_back({{"service", service.service}, {"lines", service.lines}});
    }
    return list;
}

}  // namespace

Exit Comparison::verdict() const {
    if (services && !services->services.empty()) {
        return Exit::no;
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

Result<Comparison> compare(const Side& old_one, const Side& new_one) {
    if (!(old_one.policy && new_one.policy) && !(old_one.services && new_one.services)) {
        return fail(Exit::usage, old_one.name + " and " + new_one.name,
                    "one says what packets meet, the other which services there are: they have "
                    "nothing to compare");
    }
    Comparison comparison{old_one.name, new_one.name, {}, {}, {}};
    if (old_one.policy && new_one.policy) {
        comparison.policies = proof::prove(*old_one.policy, *new_one.policy, {});
    }
    if (old_one.services && new_one.services) {
        comparison.services = services::differences(*old_one.services, *new_one.services);
    }
    tell_beside(old_one, new_one, comparison.beside);
    tell_beside(new_one, old_one, comparison.beside);
    return comparison;
}

std::string text_report(const Comparison& comparison) {
    std::string said = comparison.policies ? text(*comparison.policies, comparison) : "";
    said += comparison.services ? text(*comparison.services) : "";
    for (const std::string& beside : comparison.beside) {
        said += fmt::format("not compared: {}\n", beside);
    }
    return said + summary(comparison);
}

ordered_json json_report(const Comparison& comparison, std::string_view at) {
    const Exit verdict = comparison.verdict();
    ordered_json report{{"schema", "rehome/lbsync-sides/1"},
                        {"at", at},
                        {"old", comparison.old_name},
                        {"new", comparison.new_name},
                        {"verdict", verdict == Exit::yes  ? "equal"
                                    : verdict == Exit::no ? "differs"
                                                          : "not provable"}};
    const Proof none;
    const Proof& proof = comparison.policies ? *comparison.policies : none;
    report["packets"] = packets_json(proof);
    report["more"] = proof.more;
    report["not_provable"] = doubts_json(proof);
    report["unreachable"] = proof.unreachable;
    const services::Differences nothing;
    const auto& found = comparison.services ? *comparison.services : nothing;
    report["services"] = services_json(found);
    report["state"] = found.state;
    report["checks_compared"] = comparison.services && found.checks_seen;
    report["not_compared"] = comparison.beside;
    return report;
}

}  // namespace rehome::lbsync::side
