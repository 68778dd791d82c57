#include "lbsync/proof/report.h"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace rehome::lbsync::proof {

namespace {

using nlohmann::ordered_json;

constexpr size_t most_unreachable = 20;

std::string line(std::string_view side, const Treatment& treatment) {
    const std::string words = treatment.words.empty() ? "" : ": " + treatment.words;
    return fmt::format("  {}: {} by {}{}", side, treatment.outcome, treatment.place, words);
}

ordered_json json_of(const Treatment& treatment) {
    return {{"outcome", treatment.outcome}, {"place", treatment.place}, {"words", treatment.words}};
}

void tell_unreachable(const std::vector<std::string>& rules, std::vector<std::string>& lines) {
    const size_t told = std::min(rules.size(), most_unreachable);
    for (size_t i = 0; i < told; ++i) {
        lines.push_back("note: no packet comes to " + rules[i]);
    }
    if (rules.size() > told) {
        lines.push_back(fmt::format("note: nor to {} more", rules.size() - told));
    }
}

}  // namespace

std::vector<std::string> lines(const Proof& proof, std::string_view old_name,
                               std::string_view new_name) {
    std::vector<std::string> lines;
    for (const Difference& difference : proof.differences) {
        lines.push_back(difference.packet);
        lines.push_back(line(old_name, difference.old_one));
        lines.push_back(line(new_name, difference.new_one));
    }
    if (proof.more) {
        lines.emplace_back("and more pairs of rules disagree");
    }
    for (const Doubt& doubt : proof.doubts) {
        lines.push_back(fmt::format("not provable: {}: {}", doubt.where, doubt.what));
    }
    tell_unreachable(proof.unreachable, lines);
    std::transform(lines.begin(), lines.end(), lines.begin(), in_one_line);
    return lines;
}

ordered_json to_json(const Proof& proof) {
    ordered_json differences = ordered_json::array();
    for (const Difference& it : proof.differences) {
        differences.push_back(
            {{"packet", it.packet}, {"old", json_of(it.old_one)}, {"new", json_of(it.new_one)}});
    }
    ordered_json doubts = ordered_json::array();
    for (const Doubt& doubt : proof.doubts) {
        doubts.push_back({{"where", doubt.where}, {"what", doubt.what}});
    }
    return {{"differences", std::move(differences)},
            {"more", proof.more},
            {"not_provable", std::move(doubts)},
            {"unreachable", proof.unreachable}};
}

}  // namespace rehome::lbsync::proof
