#include "lbsync/iptables/circle.h"

#include <algorithm>
#include <unordered_map>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace rehome::lbsync::iptables {

namespace {

struct Jump {
    size_t to;
    unsigned line;
};

using Jumps = std::vector<std::vector<Jump>>;

Jumps jumps_in(const Table& table) {
    std::unordered_map<std::string_view, size_t> index;
    for (size_t i = 0; i < table.chains.size(); ++i) {
        index.emplace(table.chains[i].name, i);
    }
    Jumps jumps(table.chains.size());
    for (size_t i = 0; i < table.chains.size(); ++i) {
        for (const Rule& rule : table.chains[i].rules) {
            for (const Part& part : rule.parts) {
                const auto to =
                    part.kind == Part::Kind::target ? index.find(part.name) : index.end();
                if (to != index.end()) {
                    jumps[i].push_back({to->second, rule.line});
                }
            }
        }
    }
    return jumps;
}

// Walks in depth with a stack of its own: a dump may hold long chains of jumps.
class Walk {
public:
    Walk(const Table& table, const Jumps& jumps)
        : table_(table), jumps_(jumps), state_(jumps.size(), State::fresh) {}

    void from(size_t chain) {
        if (state_[chain] == State::fresh) {
            enter(chain);
        }
        while (!path_.empty()) {
            step();
        }
    }

    std::vector<Circle> circles;

private:
    enum class State : uint8_t { fresh, open, done };
    struct Place {
        size_t chain;
        size_t next;
    };

    void enter(size_t chain) {
        state_[chain] = State::open;
        path_.push_back({chain, 0});
    }

    void step() {
        Place& place = path_.back();
        if (place.next == jumps_[place.chain].size()) {
            state_[place.chain] = State::done;
            path_.pop_back();
            return;
        }
        const Jump jump = jumps_[place.chain][place.next++];
        if (state_[jump.to] == State::fresh) {
            enter(jump.to);
        } else if (state_[jump.to] == State::open) {
            tell(jump);
        }
    }

    void tell(const Jump& jump) {
        std::vector<std::string_view> names;
        const auto begin = std::find_if(path_.begin(), path_.end(),
                                        [&](const Place& place) { return place.chain == jump.to; });
        for (auto place = begin; place != path_.end(); ++place) {
            names.emplace_back(table_.chains[place->chain].name);
        }
        names.emplace_back(table_.chains[jump.to].name);
        circles.push_back(
            {jump.line, fmt::format("jumps in a circle: {}", fmt::join(names, ", "))});
    }

    const Table& table_;
    const Jumps& jumps_;
    std::vector<State> state_;
    std::vector<Place> path_;
};

}  // namespace

std::vector<Circle> circles(const Table& table) {
    const Jumps jumps = jumps_in(table);
    Walk walk(table, jumps);
    for (size_t chain = 0; chain < jumps.size(); ++chain) {
        walk.from(chain);
    }
    return std::move(walk.circles);
}

}  // namespace rehome::lbsync::iptables
