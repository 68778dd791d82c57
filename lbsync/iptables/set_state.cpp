#include "lbsync/iptables/set_state.h"

#include <algorithm>

namespace rehome::lbsync::iptables {

namespace {

bool is_in(std::string_view word, std::initializer_list<std::string_view> words) {
    return std::find(words.begin(), words.end(), word) != words.end();
}

template <typename Call>
void each_part(const Dump& dump, Call call) {
    for (const Save& save : dump.saves) {
        for (const Table& table : save.tables) {
            for (const Chain& chain : table.chains) {
                for (const Rule& rule : chain.rules) {
                    std::for_each(rule.parts.begin(), rule.parts.end(), call);
                }
            }
        }
    }
}

const Word* value_of(const std::vector<Word>& options, std::string_view name) {
    const auto found = std::find_if(options.begin(), options.end(),
                                    [&](const Word& word) { return word.text == name; });
    return found == options.end() || std::next(found) == options.end() ? nullptr
                                                                       : &*std::next(found);
}

// Without these words and their values.
std::vector<Word> without(const std::vector<Word>& options,
                          std::initializer_list<std::string_view> names) {
    std::vector<Word> kept;
    for (size_t i = 0; i < options.size(); ++i) {
        if (is_in(options[i].text, names)) {
            ++i;
        } else {
            kept.push_back(options[i]);
        }
    }
    return kept;
}

}  // namespace

std::set<std::string> filled_sets(const Dump& dump) {
    std::set<std::string> names;
    each_part(dump, [&](const Part& part) {
        if (part.kind == Part::Kind::option && part.values.size() == 2 &&
            is_in(part.option, {"--add-set", "--del-set"})) {
            names.insert(part.values[0].text);
        }
    });
    return names;
}

std::set<std::string> named_sets(const Dump& dump) {
    std::set<std::string> names;
    each_part(dump, [&](const Part& part) {
        if (part.kind == Part::Kind::option && part.values.size() == 2 &&
            is_in(part.option, {"--add-set", "--del-set", "--map-set", "--match-set"})) {
            names.insert(part.values[0].text);
        }
    });
    for (const IpSet& set : dump.sets) {
        if (set.type == "list:set" && names.contains(set.name)) {
            for (const SetElement& element : set.elements) {
                names.insert(element.value);
            }
        }
    }
    return names;
}

bool ages(const IpSet& set) {
    return value_of(set.options, "timeout") != nullptr;
}

bool is_permanent(const SetElement& element) {
    const Word* const timeout = value_of(element.options, "timeout");
    return timeout == nullptr || timeout->text == "0";
}

IpSet policy_of(const IpSet& set, bool filled) {
    IpSet policy = set;
    policy.options = without(set.options, {"hashsize", "maxelem", "bucketsize", "initval", "size"});
    policy.elements.clear();
    for (const SetElement& element : set.elements) {
        if (is_permanent(element) && !(filled && !ages(set))) {
            policy.elements.push_back(element);
            policy.elements.back().options =
                without(element.options, {"packets", "bytes", "timeout"});
        }
    }
    // In a list the first set that matches may be asked for what it maps to: its order is policy.
    if (set.type != "list:set") {
        std::sort(policy.elements.begin(), policy.elements.end(),
                  [](const SetElement& a, const SetElement& b) { return a.value < b.value; });
    }
    return policy;
}

}  // namespace rehome::lbsync::iptables
