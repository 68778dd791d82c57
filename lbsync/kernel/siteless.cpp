#include "lbsync/kernel/siteless.h"

#include <algorithm>
#include <initializer_list>

namespace rehome::lbsync::kernel {

namespace {

bool one_of(uint64_t number, std::initializer_list<uint64_t> numbers) {
    return std::find(numbers.begin(), numbers.end(), number) != numbers.end();
}

bool named(std::string_view name, std::initializer_list<std::string_view> names) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

// Bytes of headers in which no address lies.
bool header_byte(const Node& load, uint64_t index, std::string_view family) {
    switch (load.number("base")) {
        case 0:  // behind the frame's two addresses
            return index >= 12 && index < 18;
        case 1:
            return index < (family == "ip" ? 12u : 8u);
        case 2:  // the transport's own header, not the packet that an ICMP error quotes
            return index < 20;
        default:
            return false;
    }
}

class Inspection {
public:
    Inspection(const NormalRule& rule, const Sets& sets) : rule_(rule), sets_(sets) {}

    bool siteless() const {
        return std::all_of(rule_.steps.begin(), rule_.steps.end(), [&](const auto& step) {
            return std::visit([&](const auto& it) { return (*this)(it); }, step);
        });
    }

    bool operator()(const Test& test) const { return word(test.value); }

    bool operator()(const Verdict& verdict) const { return !is_within(verdict.chain); }

    bool operator()(const Act& act) const {
        const Node& it = act.expression;
        const bool words = std::all_of(act.operands.begin(), act.operands.end(),
                                       [&](const auto& one) { return word(one.second); });
        if (!words) {
            return false;
        }
        if (it.group == "nat" || it.group == "tproxy") {
            return std::none_of(act.operands.begin(), act.operands.end(),
                                [](const auto& one) { return one.first.starts_with("reg_addr"); });
        }
        if (it.group == "payload") {
            return range(it);
        }
        if (it.group == "lookup") {
            return leads_outside(sets_.find(it.text("set")));
        }
        if (it.group == "meta") {
            return one_of(it.number("key"), {2, 3, 12, 19});
        }
        if (it.group == "ct") {
            return one_of(it.number("key"), {3, 13, 17, 18});
        }
        return named(it.group,
                     {"counter", "last", "log", "limit", "quota", "connlimit", "reject", "notrack",
                      "synproxy", "exthdr", "queue", "objref", "dynset", "masq", "redir"});
    }

private:
    // A chain that stands within its rule, with rules of its own.
    static bool is_within(std::string_view chain) { return chain.starts_with("__"); }

    static bool leads_outside(const Set* set) {
        return set != nullptr &&
               std::none_of(set->elements.begin(), set->elements.end(), [](const Node& element) {
                   const Node* data = element.node("data");
                   const Node* verdict = data == nullptr ? nullptr : data->node("verdict");
                   return verdict != nullptr && is_within(verdict->text("chain"));
               });
    }

    bool range(const Node& it) const {
        for (uint64_t i = 0; i < it.number("len"); ++i) {
            if (!header_byte(it, it.number("offset") + i, sets_.family())) {
                return false;
            }
        }
        return true;
    }

    bool word(const Word& word) const {
        return std::all_of(word.begin(), word.end(), [&](const Byte& byte) {
            return byte.source == Byte::constant || source(rule_.sources[byte.source], byte.index);
        });
    }

    bool source(const Source& source, uint64_t index) const {
        const Node& load = source.load;
        if (load.group == "payload") {
            return header_byte(load, index, sets_.family());
        }
        if (load.group == "meta") {
            // Times are none of these: nft words them by its host's time zone.
            return one_of(load.number("key"), {0,  1,  2,  3,  8,  9,  10, 11, 12, 13, 15,
                                               16, 19, 20, 21, 22, 23, 24, 25, 28, 29});
        }
        if (load.group == "ct") {
            return !one_of(load.number("key"), {4, 8, 9, 19, 20, 21, 22});
        }
        if (load.group == "rt") {
            return one_of(load.number("key"), {0, 3, 4});
        }
        if (load.group == "socket") {
            return load.number("key") <= 2;
        }
        if (load.group == "fib") {
            constexpr uint64_t present = 32;
            return (load.number("flags") & present) != 0 || load.number("result") == 3;
        }
        if (load.group == "exthdr") {
            return exthdr(load);
        }
        // Of a calculation or a map: what it is made of.
        return named(load.group, {"numgen", "hash", "bitwise", "lookup", "osf"}) &&
               word(source.key);
    }

    // IPv4's options and the routing header hold addresses behind their first bytes.
    static bool exthdr(const Node& load) {
        constexpr uint64_t ipv6 = 0;
        constexpr uint64_t tcp = 1;
        constexpr uint64_t routing = 43;
        constexpr uint64_t mobility = 135;
        const uint64_t op = load.number("op");
        const uint64_t end = load.number("offset") + load.number("len");
        return op == tcp || (op == ipv6 && load.number("type") != mobility &&
                             (load.number("type") != routing || end <= 4));
    }

    const NormalRule& rule_;
    const Sets& sets_;
};

}  // namespace

bool is_siteless(const NormalRule& rule, const Sets& sets) {
    return Inspection(rule, sets).siteless();
}

}  // namespace rehome::lbsync::kernel
