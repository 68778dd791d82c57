#include "lbsync/side/beside.h"

#include <algorithm>
#include <optional>
#include <set>

#include <fmt/format.h>

#include "lbsync/mapping/left_alone.h"
#include "lbsync/proof/commute.h"
#include "lbsync/proof/ways.h"

namespace rehome::lbsync::side {

namespace {

using policy::Chain;
using policy::Hook;
using policy::Layer;
using policy::Policy;

bool meet(const Hook& a, const Hook& b) {
    const auto is = [&](Layer layer) { return a.layer == layer || b.layer == layer; };
    const bool layers =
        a.layer == b.layer ||
        (is(Layer::inet) && (is(Layer::ip4) || is(Layer::ip6) || is(Layer::netdev)));
    const bool devices =
        a.devices.empty() || b.devices.empty() ||
        std::any_of(a.devices.begin(), a.devices.end(), [&](const std::string& device) {
            return std::find(b.devices.begin(), b.devices.end(), device) != b.devices.end();
        });
    return a.stage == b.stage && layers && devices;
}

bool same_chain(const Chain& a, const Chain& b) {
    return a.hook && b.hook && a.table == b.table && a.name == b.name &&
           a.hook->stage == b.hook->stage && a.hook->layer == b.hook->layer;
}

const Chain* find(const Policy& policy, const Chain& chain) {
    const auto found = std::find_if(policy.chains.begin(), policy.chains.end(),
                                    [&](const Chain& other) { return same_chain(other, chain); });
    return found == policy.chains.end() ? nullptr : &*found;
}

// Chains of type nat run where the kernel translates, whatever their priority; it orders those
// among them.
int priority(const Hook& hook, const Hook& beside) {
    return hook.nat == beside.nat || !hook.nat         ? hook.priority
           : proof::translates_destination(hook.stage) ? proof::destination_nat_priority
                                                       : proof::source_nat_priority;
}

// Whether the first runs before the second; none: it is not known.  known: both stand at one host.
std::optional<bool> before(const Hook& one, const Hook& other, bool known) {
    const int first = priority(one, other);
    const int second = priority(other, one);
    if (first != second) {
        return first < second;
    }
    std::optional<bool> answer;
    for (const bool ip6 : {false, true}) {
        const auto a = one.rank_of(ip6);
        const auto b = other.rank_of(ip6);
        const bool asked = (ip6 ? one.layer != Layer::ip4 && other.layer != Layer::ip4
                                : one.layer != Layer::ip6 && other.layer != Layer::ip6);
        if (!asked) {
            continue;
        }
        if (!known || !a || !b || (answer && *answer != (*a < *b))) {
            return {};
        }
        answer = *a < *b;
    }
    return answer;
}

class Order {
public:
    Order(const Policy& old_one, const Policy& new_one, const MapFile& map, bool carried)
        : old_(old_one), new_(new_one), map_(map), carried_(carried) {}

    std::vector<Doubt> all() {
        for (const Chain& old_one : old_.chains) {
            const bool both = is_left_alone(old_one.table, SideOf::from, map_) &&
                              is_left_alone(old_one.table, SideOf::to, map_);
            const Chain* const new_one = old_one.hook && both ? find(new_, old_one) : nullptr;
            if (new_one != nullptr) {
                beside(old_one, *new_one, old_, true);
                beside(old_one, *new_one, new_, false);
            }
        }
        return std::move(doubts_);
    }

private:
    // of: the compared chains of this side.
    void beside(const Chain& old_one, const Chain& new_one, const Policy& of, bool of_old) {
        for (const Chain& chain : of.chains) {
            const Chain& alone = of_old ? old_one : new_one;
            if (!chain.hook ||
                is_left_alone(chain.table, of_old ? SideOf::from : SideOf::to, map_) ||
                !meet(*alone.hook, *chain.hook) ||
                (commutes(of, chain) && commutes(old_, old_one) && commutes(new_, new_one)) ||
                proof::is_idle(chain)) {
                continue;
            }
            const Chain& elsewhere = of_old ? new_one : old_one;
            const Chain* const other = find(of_old ? new_ : old_, chain);
            const auto here = before(*alone.hook, *chain.hook, true);
            const auto there = before(
                *elsewhere.hook, other == nullptr ? *chain.hook : *other->hook, other != nullptr);
            const bool later = carried_ && of_old && other == nullptr && !there;
            if (!later && (!here || here != there)) {
                tell(new_one, chain, here && there);
            }
        }
    }

    // What is not understood may do anything.
    static bool commutes(const Policy& policy, const Chain& chain) {
        const size_t end = chain.where.find(": chain ");
        const std::string table =
            chain.where.substr(0, end == chain.where.npos ? chain.where.rfind(' ') : end);
        const bool doubted =
            std::any_of(policy.doubts.begin(), policy.doubts.end(),
                        [&](const Doubt& doubt) { return doubt.where.starts_with(table); });
        return proof::is_idle(chain) ||
               (!doubted &&
                proof::commutes(policy, static_cast<size_t>(&chain - policy.chains.data())));
    }

    void tell(const Chain& alone, const Chain& chain, bool known) {
        if (told_.insert({alone.table + " " + alone.name, chain.table + " " + chain.name}).second) {
            doubts_.push_back(
                {alone.where,
                 fmt::format("is left alone, and chain {} of table {} {}; what one does the other "
                             "can prevent or change",
                             chain.name, chain.table,
                             known ? "runs before it at one site, behind it at the other"
                                   : "may run before it or behind it: nobody tells, at both sites, "
                                     "which comes first")});
        }
    }

    const Policy& old_;
    const Policy& new_;
    const MapFile& map_;
    bool carried_;
    std::set<std::pair<std::string, std::string>> told_;
    std::vector<Doubt> doubts_;
};

}  // namespace

std::vector<Doubt> order_beside(const Policy& old_one, const Policy& new_one, const MapFile& map,
                                bool carried) {
    if (map.keep.empty()) {
        return {};
    }
    return Order(old_one, new_one, map, carried).all();
}

}  // namespace rehome::lbsync::side
