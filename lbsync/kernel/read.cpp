#include "lbsync/kernel/read.h"

#include <map>

#include "lbsync/kernel/faithful.h"
#include "lbsync/nft/print.h"

namespace rehome::lbsync {

Result<Reading> read_host(kernel::HostRead read, const std::string& where) {
    return read_ruleset(read.json, read.text, where).map([&](Reading reading) {
        auto more = kernel::doubts(read, where, belongs_to_others);
        reading.doubts.insert(reading.doubts.end(), more.begin(), more.end());
        reading.kernel = std::make_shared<const kernel::Ruleset>(std::move(read.ruleset));
        return reading;
    });
}

policy::Policy policy_of(const Reading& reading, const std::string& where,
                         const kernel::Images& images) {
    if (reading.kernel == nullptr) {
        return {{}, {{where, "what its kernel runs is not known"}}};
    }
    std::map<std::pair<std::string, uint64_t>, std::string> words;
    for (const Table& table : reading.ruleset.tables) {
        for (const Chain& chain : table.chains) {
            for (const Rule& rule : chain.rules) {
                words[{table.family + " " + table.name, rule.handle}] = print(rule, table.family);
            }
        }
    }
    const auto words_of = [&](const std::string& table, uint64_t handle) {
        const auto found = words.find({table, handle});
        return found == words.end() ? std::string() : found->second;
    };
    return to_policy(*reading.kernel, {where, belongs_to_others, words_of}, images);
}

}  // namespace rehome::lbsync
