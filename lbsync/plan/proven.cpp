#include "lbsync/plan/proven.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "lbsync/nft/meaning.h"

namespace rehome::lbsync {

namespace {

using nlohmann::ordered_json;

constexpr size_t most_unreachable = 20;

std::string line(std::string_view site, const proof::Treatment& treatment) {
    return fmt::format("    {}: {} by {}{}{}", site, treatment.outcome, treatment.place,
                       treatment.words.empty() ? "" : ": ", treatment.words);
}

ordered_json to_json(const proof::Treatment& treatment) {
    return {{"outcome", treatment.outcome}, {"place", treatment.place}, {"words", treatment.words}};
}

}  // namespace

std::string_view name(HostProof::How how) {
    constexpr std::string_view names[] = {"reads alike", "proven equal as sets of packets",
                                          "differs", "not provable"};
    return names[static_cast<size_t>(how)];
}

HostProof prove(const Ruleset& wanted, const Ruleset& current, const std::string& from,
                const std::string& to, bool alike) {
    HostProof result{to, HostProof::How::alike, {}};
    if (alike) {
        return result;
    }
    result.proof = proof::prove(nft::meaning(wanted, from), nft::meaning(current, to), {});
    using Answer = proof::Proof::Answer;
    result.how = result.proof.answer == Answer::equal     ? HostProof::How::proven
                 : result.proof.answer == Answer::differs ? HostProof::How::differs
                                                          : HostProof::How::unknown;
    return result;
}

std::vector<std::string> lines(const HostProof& proof) {
    std::vector<std::string> lines;
    if (proof.how == HostProof::How::alike) {
        return lines;
    }
    lines.push_back(fmt::format("{}: {}", proof.host, name(proof.how)));
    for (const proof::Difference& difference : proof.proof.differences) {
        lines.push_back("  " + difference.packet);
        lines.push_back(line("old", difference.old_one));
        lines.push_back(line("new", difference.new_one));
    }
    if (proof.proof.more) {
        lines.emplace_back("  and more pairs of rules that disagree");
    }
    for (const Doubt& doubt : proof.proof.doubts) {
        lines.push_back(fmt::format("  cannot be proven: {}: {}", doubt.where, doubt.what));
    }
    const auto& unreachable = proof.proof.unreachable;
    for (size_t i = 0; i < std::min(unreachable.size(), most_unreachable); ++i) {
        lines.push_back("  no packet comes to " + unreachable[i]);
    }
    if (unreachable.size() > most_unreachable) {
        lines.push_back(fmt::format("  nor to {} more", unreachable.size() - most_unreachable));
    }
    return lines;
}

ordered_json to_json(const HostProof& proof) {
    ordered_json differences = ordered_json::array();
    for (const proof::Difference& it : proof.proof.differences) {
        differences.push_back(
            {{"packet", it.packet}, {"old", to_json(it.old_one)}, {"new", to_json(it.new_one)}});
    }
    ordered_json doubts = ordered_json::array();
    for (const Doubt& doubt : proof.proof.doubts) {
        doubts.push_back({{"where", doubt.where}, {"what", doubt.what}});
    }
    return {{"host", proof.host},
            {"how", name(proof.how)},
            {"differences", std::move(differences)},
            {"more", proof.proof.more},
            {"not_provable", std::move(doubts)},
            {"unreachable", proof.proof.unreachable}};
}

}  // namespace rehome::lbsync
