#include "lbsync/nft/meaning.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <sstream>

#include <fmt/format.h>

#include "lbsync/nft/meaning_rule.h"
#include "lbsync/nft/print.h"

namespace rehome::lbsync::nft {

using policy::Hook;
using policy::Layer;
using policy::Policy;
using policy::Stage;

namespace {

template <typename T, size_t N>
std::optional<T> known(const std::pair<std::string_view, T> (&words)[N], std::string_view word) {
    const auto found = std::find_if(std::begin(words), std::end(words),
                                    [&](const auto& it) { return it.first == word; });
    return found == std::end(words) ? std::nullopt : std::optional(found->second);
}

constexpr std::pair<std::string_view, Layer> layers[] = {
    {"ip", Layer::ip4},  {"ip6", Layer::ip6},       {"inet", Layer::inet},
    {"arp", Layer::arp}, {"bridge", Layer::bridge}, {"netdev", Layer::netdev}};
constexpr std::pair<std::string_view, Stage> stages[] = {{"ingress", Stage::ingress},
                                                         {"prerouting", Stage::prerouting},
                                                         {"input", Stage::input},
                                                         {"forward", Stage::forward},
                                                         {"output", Stage::output},
                                                         {"egress", Stage::egress},
                                                         {"postrouting", Stage::postrouting}};
// nft(8), PRIORITIES.
constexpr std::pair<std::string_view, int> priorities[] = {{"raw", -300},    {"mangle", -150},
                                                           {"dstnat", -100}, {"filter", 0},
                                                           {"security", 50}, {"srcnat", 100}};
constexpr std::pair<std::string_view, int> bridge_priorities[] = {
    {"dstnat", -300}, {"filter", -200}, {"out", 100}, {"srcnat", 300}};

std::optional<int> number(std::string_view text) {
    int value = 0;
    const auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), value);
    return wrong == std::errc{} && end == text.data() + text.size() ? std::optional(value)
                                                                    : std::nullopt;
}

// "filter", "-150", "dstnat + 5"
std::optional<int> priority(const std::vector<std::string>& words, Layer layer) {
    if (words.empty()) {
        return {};
    }
    auto base =
        layer == Layer::bridge ? known(bridge_priorities, words[0]) : known(priorities, words[0]);
    base = base ? base : number(words[0]);
    if (words.size() == 1 || !base) {
        return base;
    }
    const auto more = words.size() == 3 ? number(words[2]) : std::nullopt;
    if (!more || (words[1] != "+" && words[1] != "-")) {
        return {};
    }
    return words[1] == "+" ? *base + *more : *base - *more;
}

// The words of "type nat hook prerouting device "x" priority dstnat + 1; policy accept;"
std::vector<std::string> split(const std::string& property) {
    std::string spaced;
    for (const char c : property) {
        spaced += c == ';' ? std::string(" ; ") : c == '"' || c == ',' ? " " : std::string(1, c);
    }
    std::istringstream stream(spaced);
    std::vector<std::string> words;
    for (std::string word; stream >> word;) {
        words.push_back(word);
    }
    return words;
}

std::vector<std::string> between(const std::vector<std::string>& words, size_t from,
                                 std::string_view end) {
    std::vector<std::string> part;
    for (size_t i = from; i < words.size() && words[i] != end; ++i) {
        part.push_back(words[i]);
    }
    return part;
}

std::optional<Hook> hook_of(const std::string& property, Layer layer) {
    const auto words = split(property);
    Hook hook;
    hook.layer = layer;
    const auto stage = words.size() > 3 ? known(stages, words[3]) : std::nullopt;
    if (!stage || words[0] != "type" || words[2] != "hook") {
        return {};
    }
    hook.stage = *stage;
    hook.nat = words[1] == "nat";
    bool has_priority = false;
    for (size_t i = 4; i < words.size(); ++i) {
        if (words[i] == "device") {
            hook.devices = {words[std::min(i + 1, words.size() - 1)]};
        } else if (words[i] == "devices") {
            hook.devices = between(words, i + 3, "}");
        } else if (words[i] == "priority") {
            const auto at = priority(between(words, i + 1, ";"), layer);
            has_priority = at.has_value();
            hook.priority = at.value_or(0);
        } else if (words[i] == "policy" && i + 1 < words.size() && words[i + 1] == "drop") {
            hook.policy.kind = policy::Verdict::Kind::drop;
        }
    }
    return has_priority ? std::optional(hook) : std::nullopt;
}

class Meaning {
public:
    explicit Meaning(const std::string& where) : where_(where) {}

    void table(const Table& table) {
        const auto layer = known(layers, table.family);
        const std::string title = where_ + ": " + table.title();
        if (!layer) {
            policy_.doubts.push_back({title, "tables of this family are not modelled"});
            return;
        }
        const size_t first = policy_.chains.size();
        std::map<std::string, size_t> chains;
        for (const Chain& chain : table.chains) {
            chains.emplace(chain.name, policy_.chains.size());
            policy_.chains.push_back({chain.name, title + ": chain " + chain.name, {}, {}});
        }
        RuleMeaning rules(table, chains);
        for (size_t i = 0; i < table.chains.size(); ++i) {
            this->chain(table, table.chains[i], *layer, rules, policy_.chains[first + i]);
        }
    }

    Policy take() { return std::move(policy_); }

private:
    void chain(const Table& table, const Chain& chain, Layer layer, RuleMeaning& rules,
               policy::Chain& into) {
        for (const std::string& property : chain.properties) {
            const bool dormant = std::find(table.properties.begin(), table.properties.end(),
                                           "flags dormant") != table.properties.end();
            if (property.starts_with("type ") && !dormant) {
                into.hook = hook_of(property, layer);
                if (!into.hook) {
                    policy_.doubts.push_back({into.where, "not understood: " + property});
                }
            }
        }
        for (const Rule& rule : chain.rules) {
            policy::Rule made{{}, rule.handle, print(rule, table.family)};
            if (auto steps = rules.steps(rule)) {
                made.steps = std::move(*steps);
            } else {
                policy_.doubts.push_back(
                    {place(into, made), fmt::format("{}: {}", made.words, steps.error())});
            }
            into.rules.push_back(std::move(made));
        }
    }

    std::string where_;
    Policy policy_;
};

}  // namespace

Policy meaning(const Ruleset& ruleset, const std::string& where) {
    Meaning meaning(where);
    for (const Table& table : ruleset.tables) {
        meaning.table(table);
    }
    return meaning.take();
}

}  // namespace rehome::lbsync::nft
