#include "lbsync/kernel/normal_rule.h"

namespace rehome::lbsync::kernel {

Sets::Sets(const Table& table) : family_(table.family) {
    for (const Set& set : table.sets) {
        by_name_.emplace(set.self.node.text("name"), &set);
    }
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
