#include "lbsync/plan/report.h"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace rehome::lbsync {

namespace {

using nlohmann::ordered_json;

std::string painted(const std::string& line, bool colour) {
    constexpr std::string_view red = "\x1b[31m";
    constexpr std::string_view green = "\x1b[32m";
    constexpr std::string_view plain = "\x1b[0m";
    const std::string shown = in_one_line(line);
    if (!colour || line.empty() || (line[0] != '-' && line[0] != '+')) {
        return shown + "\n";
    }
    return fmt::format("{}{}{}\n", line[0] == '-' ? red : green, shown, plain);
}

// Until when it is known that all stands; the first of several.
std::string_view until(const Plan& plan) {
    const auto first = std::min_element(
        plan.unconfirmed.begin(), plan.unconfirmed.end(),
        [](const Unconfirmed& a, const Unconfirmed& b) { return a.until < b.until; });
    return first->until;
}

size_t outside_doubts(const Plan& plan) {
    size_t count = 0;
    for (const outside::Comparison& one : plan.outside) {
        count += one.doubts.size();
    }
    return count;
}

bool is_proven(const Plan& plan) {
    return plan.doubts.empty() && outside_doubts(plan) == 0 &&
           std::none_of(plan.proofs.begin(), plan.proofs.end(), [](const HostProof& proof) {
               return proof.how == HostProof::How::unknown;
           });
}

std::string_view verdict_name(const Plan& plan) {
    switch (plan.verdict()) {
        case Exit::yes:
            return plan.left_alone.empty() ? "equal" : "equal but for what is left alone";
        case Exit::no:
            return "differs";
        case Exit::world:
            return "not read";
        default:
            return is_proven(plan) ? "unconfirmed" : "not provable";
    }
}

// "3 objects"
std::string counted(size_t count, std::string_view noun) {
    return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

size_t outside_differences(const Plan& plan) {
    size_t count = 0;
    for (const outside::Comparison& one : plan.outside) {
        count += one.differences.size();
    }
    return count;
}

}  // namespace

std::string summary(const Plan& plan) {
    if (!plan.unread.empty()) {
        return fmt::format("not read: {} of sites {} and {}, and {} of the others {}",
                           counted(plan.unread.size(), "part"), plan.from, plan.to,
                           counted(plan.changes.size(), "object"),
                           plan.changes.size() == 1 ? "differs" : "differ");
    }
    if (!plan.doubts.empty()) {
        return fmt::format("not provable: {} of the policies of sites {} and {}",
                           counted(plan.doubts.size(), "part"), plan.from, plan.to);
    }
    const size_t outside = outside_differences(plan);
    if (plan.verdict() == Exit::unknown && is_proven(plan)) {
        return fmt::format(
            "equal{}, unconfirmed until {}: {} of site {} will then have what was there before, "
            "unless `lbsync confirm` is given",
            but_for(plan.left_alone), until(plan), counted(plan.unconfirmed.size(), "host"),
            plan.to);
    }
    if (plan.verdict() == Exit::unknown && outside_doubts(plan) != 0) {
        return fmt::format("not provable: {} outside the rules of sites {} and {}",
                           counted(outside_doubts(plan), "thing"), plan.from, plan.to);
    }
    if (plan.verdict() == Exit::unknown) {
        return fmt::format(
            "not provable: {} {} at site {}, and whether packets meet the same "
            "there cannot be proven",
            plan.changes.size(),
            plan.changes.size() == 1 ? "object reads differently" : "objects read differently",
            plan.to);
    }
    if (plan.verdict() == Exit::yes) {
        return fmt::format(
            "equal{}: site {} has the policies of site {} ({})", but_for(plan.left_alone), plan.to,
            plan.from, name(plan.changes.empty() ? HostProof::How::alike : HostProof::How::proven));
    }
    return fmt::format(
        "differs: {}{} at site {}", counted(plan.changes.size(), "object"),
        outside == 0 ? "" : " and " + counted(outside, "thing") + " outside the rules", plan.to);
}

std::string text_report(const Plan& plan, bool colour) {
    std::string text;
    std::string host;
    for (const Change& change : plan.changes) {
        if (change.host != host) {
            text += change.host + "\n";
            host = change.host;
        }
        text += fmt::format("  {} {}\n", name(change.kind), in_one_line(change.object));
        for (const std::string& line : change.lines) {
            text += painted(line.substr(0, 1) + "  " + line.substr(1), colour);
        }
    }
    for (const HostProof& proof : plan.proofs) {
        for (const std::string& line : lines(proof)) {
            text += line + "\n";
        }
    }
    for (const outside::Comparison& one : plan.outside) {
        for (const std::string& line : outside::lines(one)) {
            text += in_one_line(line) + "\n";
        }
    }
    for (const Doubt& doubt : plan.doubts) {
        text += fmt::format("not provable: {}: {}\n", in_one_line(doubt.where),
                            in_one_line(doubt.what));
    }
    for (const Error& error : plan.unread) {
        text += fmt::format("not read: {}\n", in_one_line(error.text()));
    }
    for (const Unconfirmed& one : plan.unconfirmed) {
        text += fmt::format("unconfirmed: {} until {} (by {}){}\n", one.host, one.until,
                            in_one_line(one.by),
                            one.waits ? "" : "; the process that was to undo it has gone");
    }
    for (const LeftAlone& table : plan.left_alone) {
        text += line(table) + "\n";
    }
    for (const std::string& entry : plan.unmatched) {
        text += "note: " + in_one_line(entry) + "\n";
    }
    for (const std::string& skipped : plan.skipped) {
        text += "skipped: " + in_one_line(skipped) + "\n";
    }
    return text;
}

ordered_json json_report(const Plan& plan, std::string_view command, std::string_view at) {
    ordered_json changes = ordered_json::array();
    for (const Change& change : plan.changes) {
        changes.push_back({{"host", change.host},
                           {"object", change.object},
                           {"change", name(change.kind)},
                           {"lines", change.lines}});
    }
    ordered_json proofs = ordered_json::array();
    for (const HostProof& proof : plan.proofs) {
        proofs.push_back(to_json(proof));
    }
    ordered_json outside = ordered_json::array();
    for (const outside::Comparison& one : plan.outside) {
        outside.push_back(to_json(one));
    }
    ordered_json doubts = ordered_json::array();
    for (const Doubt& doubt : plan.doubts) {
        doubts.push_back({{"where", doubt.where}, {"what", doubt.what}});
    }
    ordered_json unread = ordered_json::array();
    for (const Error& error : plan.unread) {
        unread.push_back({{"where", error.where}, {"what", error.what}});
    }
    ordered_json unconfirmed = ordered_json::array();
    for (const Unconfirmed& host : plan.unconfirmed) {
        unconfirmed.push_back(
            {{"host", host.host}, {"until", host.until}, {"by", host.by}, {"waits", host.waits}});
    }
    ordered_json bound_to{{"from", plan.from_digest}, {"to", plan.to_digest}};
    if (!plan.map.digest.empty()) {
        bound_to["map"] = plan.map.digest;
    }
    return {{"schema", "rehome/lbsync-plan/1"},
            {"at", at},
            {"command", command},
            {"from", plan.from},
            {"to", plan.to},
            {"verdict", verdict_name(plan)},
            {"bound_to", std::move(bound_to)},
            {"changes", std::move(changes)},
            {"proofs", std::move(proofs)},
            {"outside", std::move(outside)},
            {"not_provable", std::move(doubts)},
            {"not_read", std::move(unread)},
            {"unconfirmed", std::move(unconfirmed)},
            {"left_alone", to_json(plan.left_alone)},
            {"unmatched", plan.unmatched},
            {"skipped", plan.skipped}};
}

}  // namespace rehome::lbsync
