// From what is configured, ordered and observed to the one snapshot that all workers act on: a
// function of its arguments alone.
#pragma once

#include <memory>
#include <vector>

#include "vipd/state/observed.h"
#include "vipd/state/orders.h"
#include "vipd/state/snapshot.h"

namespace rehome::vipd {

struct Known {
    std::shared_ptr<const Config> config;
    Orders orders;
    std::vector<size_t> draining;  // lines that are being disabled
    Observed observed;
    std::shared_ptr<const Access> access;  // of the rules in force; null: nothing is dropped
    std::shared_ptr<const Keyring> keys;   // of the file; null: there is none
    bool confirmed = true;                 // that the orders still hold

    // The order's, or the file's; null: nothing is said.
    const std::shared_ptr<const AccessRules>& access_rules() const {
        return orders.access ? orders.access->rules : config->access.rules;
    }
};

// previous: the snapshot that this one follows; null: it is the first.  What did not change since
// is taken from there: the tables, while the configuration is the very same.
std::shared_ptr<const Snapshot> compile(const Known& known, Micros now, const Snapshot* previous);

}  // namespace rehome::vipd
