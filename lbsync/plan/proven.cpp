#include "lbsync/plan/proven.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "lbsync/mapping/policy_image.h"
#include "lbsync/proof/report.h"
#include "lbsync/side/kernel_policy.h"

namespace rehome::lbsync {

std::string_view name(HostProof::How how) {
    constexpr std::string_view names[] = {"reads alike", "proven equal as sets of packets",
                                          "differs", "not provable"};
    return names[static_cast<size_t>(how)];
}

HostProof prove(const Reading& from, const Reading& to, const HostPair& pair,
                const Mapping& mapping, const Interfaces& interfaces) {
    HostProof result{pair.to};
    std::vector<Error> refused;
    policy::Policy wanted =
        image(side::kernel_policy(from, pair.from), mapping, interfaces, refused);
    for (Error& error : refused) {
        wanted.doubts.push_back({std::move(error.where), std::move(error.what)});
    }
    result.proof = proof::prove(wanted, side::kernel_policy(to, pair.to), {});
    using Answer = proof::Proof::Answer;
    result.how = result.proof.answer == Answer::equal     ? HostProof::How::proven
                 : result.proof.answer == Answer::differs ? HostProof::How::differs
                                                          : HostProof::How::unknown;
    return result;
}

std::vector<std::string> lines(const HostProof& proof) {
    if (proof.how == HostProof::How::alike) {
        return {};
    }
    std::vector<std::string> lines{fmt::format("{}: {}", proof.host, name(proof.how))};
    for (const std::string& line : proof::lines(proof.proof, "old", "new")) {
        lines.push_back("  " + line);
    }
    return lines;
}

nlohmann::ordered_json to_json(const HostProof& proof) {
    nlohmann::ordered_json said{{"host", proof.host}, {"how", name(proof.how)}};
    said.update(proof::to_json(proof.proof));
    return said;
}

}  // namespace rehome::lbsync
