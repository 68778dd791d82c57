#include "lbsync/kernel/normal_rule.h"

namespace rehome::lbsync::kernel {

Sets::Sets(const Table& table) : family_(table.family) {
    for (const Set& set : table.sets) {
        by_name_.emplace(set.self.node.text("name"), &set);
    }
    for (const Chain& chain : table.chains) {
        for (const Part& rule : chain.rules) {
            for (const Node& expression : rule.node.nodes("expressions")) {
                if (expression.group == "dynset") {
                    filled_.insert(expression.text("set"));
                }
            }
        }
    }
}

bool Sets::dynamic(const Set& set) const {
    constexpr uint64_t evaluated = 0x20;  // enum nft_set_flags
    return (set.self.node.number("flags") & evaluated) != 0 ||
           filled_.contains(set.self.node.text("name"));
}

const Set* Sets::find(const std::string& name) const {
    const auto found = by_name_.find(name);
    return found == by_name_.end() ? nullptr : found->second;
}

bool is_anonymous(const Set& set) {
    constexpr uint64_t anonymous = 1;
    return (set.self.node.number("flags") & anonymous) != 0;
}

}  // namespace rehome::lbsync::kernel
