#include "lbsync/nft/hook_order.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

namespace rehome::lbsync {

namespace {

// "prerouting priority dstnat" of "type nat hook prerouting priority dstnat; policy accept;"
std::string hook_of(const Chain& chain) {
    for (const std::string& property : chain.properties) {
        const size_t at = property.find(" hook ");
        if (property.starts_with("type ") && at != std::string::npos) {
            return property.substr(at + 6, property.find(';', at) - at - 6);
        }
    }
    return "";
}

bool changes_packets(const Table& table) {
    const auto changes = [](const Statement& statement) {
        return std::holds_alternative<Nat>(statement) ||
               std::holds_alternative<Assign>(statement) ||
               std::holds_alternative<NoTrack>(statement) ||
               std::holds_alternative<Update>(statement);
    };
    return std::any_of(table.chains.begin(), table.chains.end(), [&](const Chain& chain) {
        return std::any_of(chain.rules.begin(), chain.rules.end(), [&](const Rule& rule) {
            return std::any_of(rule.statements.begin(), rule.statements.end(), changes);
        });
    });
}

bool see_the_same_packets(const std::string& a, const std::string& b) {
    const auto is_ip = [](const std::string& family) { return family == "ip" || family == "ip6"; };
    return a == b || (a == "inet" && is_ip(b)) || (is_ip(a) && b == "inet");
}

}  // namespace

std::vector<Doubt> unknown_order(const Ruleset& ruleset, const std::string& where) {
    std::vector<Doubt> doubts;
    std::multimap<std::string, const Table*> seen;  // by hook and priority
    for (const Table& table : ruleset.tables) {
        std::vector<std::string> hooks;
        for (const Chain& chain : table.chains) {
            if (const std::string hook = hook_of(chain); !hook.empty()) {
                hooks.push_back(hook);
            }
        }
        for (const std::string& hook : hooks) {
            const auto [first, last] = seen.equal_range(hook);
            const auto rival = std::find_if(first, last, [&](const auto& other) {
                return see_the_same_packets(table.family, other.second->family) &&
                       (changes_packets(table) || changes_packets(*other.second));
            });
            if (rival != last) {
                doubts.push_back({where, fmt::format("{} and {} both hook {}, and nft does not "
                                                     "print which of them runs first",
                                                     rival->second->title(), table.title(), hook)});
            }
        }
        for (const std::string& hook : hooks) {
            seen.emplace(hook, &table);
        }
    }
    return doubts;
}

}  // namespace rehome::lbsync
