#include "lbsync/kernel/flow.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>

#include <fmt/format.h>

#include "lbsync/kernel/canonical.h"
#include "lbsync/kernel/registers.h"

namespace rehome::lbsync::kernel {

namespace {

constexpr size_t drawn_bytes = 4;  // of a number drawn, or of a hash

using Refused = tl::unexpected<std::string>;

// Bytes of each key, in the order of enum nft_meta_keys, nft_ct_keys, nft_rt_keys.
constexpr auto meta_lengths =
    std::to_array<uint8_t>({4,  2, 4, 4, 4, 4, 16, 16, 2,  2,  4, 4, 1, 4, 4, 1, 1, 16,
                            16, 1, 4, 4, 4, 4, 4,  1,  16, 16, 2, 2, 8, 1, 4, 4, 16});
constexpr auto ct_lengths = std::to_array<uint8_t>(
    {4, 1, 4, 4, 4, 4, 16, 1, 16, 16, 1, 2, 2, 16, 8, 8, 8, 2, 4, 4, 4, 16, 16, 4});
constexpr auto rt_lengths = std::to_array<uint8_t>({4, 4, 16, 2, 1});
constexpr auto socket_lengths = std::to_array<uint8_t>({1, 4, 1, 8});
constexpr auto fib_lengths = std::to_array<uint8_t>({0, 4, 16, 4});
constexpr uint64_t fib_present = 1u << 5;
constexpr uint64_t exthdr_present = 1u << 0;

template <size_t N>
std::optional<size_t> length_of(const std::array<uint8_t, N>& lengths, uint64_t key) {
    return key < N && lengths[key] != 0 ? std::optional<size_t>(lengths[key]) : std::nullopt;
}

// Runs a rule's expressions over registers that hold where their bytes came from.
class Machine {
public:
    explicit Machine(const Sets& sets) : sets_(sets) {}

    tl::expected<NormalRule, std::string> run(const std::vector<Node>& expressions) {
        for (const Node& expression : expressions) {
            if (!step(expression)) {
                return Refused(fmt::format("expression {} in a form that is not understood",
                                           canonical(expression)));
            }
        }
        return std::move(rule_);
    }

private:
    bool step(const Node& it) {
        using Step = bool (Machine::*)(const Node&);
        static const std::map<std::string_view, Step> steps = {{"immediate", &Machine::immediate},
                                                               {"payload", &Machine::payload},
                                                               {"meta", &Machine::meta},
                                                               {"ct", &Machine::ct},
                                                               {"rt", &Machine::rt},
                                                               {"socket", &Machine::socket},
                                                               {"fib", &Machine::fib},
                                                               {"exthdr", &Machine::exthdr},
                                                               {"numgen", &Machine::numgen},
                                                               {"osf", &Machine::osf},
                                                               {"hash", &Machine::hash},
                                                               {"bitwise", &Machine::bitwise},
                                                               {"byteorder", &Machine::byteorder},
                                                               {"cmp", &Machine::cmp},
                                                               {"range", &Machine::range},
                                                               {"lookup", &Machine::lookup},
                                                               {"dynset", &Machine::dynset},
                                                               {"nat", &Machine::nat},
                                                               {"masq", &Machine::ports},
                                                               {"redir", &Machine::ports},
                                                               {"tproxy", &Machine::tproxy},
                                                               {"dup", &Machine::dup},
                                                               {"fwd", &Machine::fwd},
                                                               {"queue", &Machine::queue},
                                                               {"objref", &Machine::objref},
                                                               {"limit", &Machine::watch},
                                                               {"connlimit", &Machine::watch},
                                                               {"counter", &Machine::watch},
                                                               {"last", &Machine::watch},
                                                               {"log", &Machine::watch},
                                                               {"quota", &Machine::watch},
                                                               {"reject", &Machine::plain},
                                                               {"notrack", &Machine::plain},
                                                               {"synproxy", &Machine::plain},
                                                               {"flow_offload", &Machine::plain},
                                                               {"match", &Machine::watch},
                                                               {"target", &Machine::plain}};
        const auto found = steps.find(it.group);
        return found != steps.end() && (this->*found->second)(it);
    }

    Word load(const Node& it, std::string name, size_t offset, size_t length, Word key = {}) {
        const auto found = std::find_if(
            rule_.sources.begin(), rule_.sources.end(),
            [&](const Source& one) { return one.name == name && one.epoch == epoch_; });
        const auto id = static_cast<uint16_t>(found - rule_.sources.begin());
        if (found == rule_.sources.end()) {
            rule_.sources.push_back({std::move(name), epoch_, it, std::move(key)});
        }
        Word word;
        for (size_t i = 0; i < length; ++i) {
            word.push_back({id, static_cast<uint16_t>(offset + i), 0xff, 0});
        }
        return word;
    }

    bool load_into(const Node& it, std::string name, std::optional<size_t> length) {
        return length && registers_.write(it.number("dreg"), load(it, std::move(name), 0, *length));
    }

    static Word constants(const Bytes& bytes) {
        Word word;
        for (const uint8_t byte : bytes) {
            word.push_back({Byte::constant, 0, 0, byte});
        }
        return word;
    }

    static Bytes data(const Node& it, std::string_view name) {
        const Node* data = it.node(name);
        return data == nullptr ? Bytes{} : data->bytes("value");
    }

    std::string text(const Word& word) const { return canonical(word, rule_.sources); }

    // An expression's own words but for the registers named.
    static std::string words(const Node& it, std::initializer_list<std::string_view> registers) {
        Node rest{it.group, {}};
        for (const Attribute& attribute : it.attributes) {
            if (std::find(registers.begin(), registers.end(), attribute.name) == registers.end()) {
                rest.attributes.push_back(attribute);
            }
        }
        return canonical(rest);
    }

    // Loads.

    bool immediate(const Node& it) {
        const Node* data = it.node("data");
        if (data == nullptr) {
            return false;
        }
        if (it.number("dreg") != Registers::verdict) {
            return registers_.write(it.number("dreg"), constants(data->bytes("value")));
        }
        const Node* verdict = data->node("verdict");
        if (verdict == nullptr || verdict->find("code") == nullptr) {
            return false;
        }
        const auto code = static_cast<uint32_t>(verdict->number("code"));
        rule_.steps.emplace_back(Verdict{static_cast<int32_t>(code), verdict->text("chain")});
        return true;
    }

    bool payload(const Node& it) {
        if (it.find("sreg") != nullptr) {
            return act(it, {{"sreg", it.number("len")}});
        }
        static constexpr std::array<std::string_view, 4> bases = {"link", "network", "transport",
                                                                  "inner"};
        const uint64_t base = it.number("base", bases.size());
        const uint64_t offset = it.number("offset");
        const uint64_t length = it.number("len");
        return base < bases.size() && offset <= UINT16_MAX && length <= Registers::bytes &&
               registers_.write(it.number("dreg"),
                                load(it, fmt::format("payload {}", bases[base]), offset, length));
    }

    bool meta(const Node& it) {
        const auto length = length_of(meta_lengths, it.number("key", UINT64_MAX));
        if (it.find("sreg") != nullptr) {
            return length && act(it, {{"sreg", *length}});
        }
        return load_into(it, words(it, {"dreg"}), length);
    }

    bool ct(const Node& it) {
        const auto length = length_of(ct_lengths, it.number("key", UINT64_MAX));
        if (it.find("sreg") != nullptr) {
            return length && act(it, {{"sreg", *length}});
        }
        return load_into(it, words(it, {"dreg"}), length);
    }

    bool rt(const Node& it) {
        return load_into(it, words(it, {"dreg"}), length_of(rt_lengths, it.number("key", 99)));
    }

    bool socket(const Node& it) {
        return load_into(it, words(it, {"dreg"}), length_of(socket_lengths, it.number("key", 99)));
    }

    bool fib(const Node& it) {
        const bool present = (it.number("flags") & fib_present) != 0;
        return load_into(it, words(it, {"dreg"}),
                         present ? 1 : length_of(fib_lengths, it.number("result", 99)));
    }

    bool osf(const Node& it) { return load_into(it, words(it, {"dreg"}), 16); }

    // Each is another number: two of them never hold the same.
    bool numgen(const Node& it) {
        return load_into(it, fmt::format("{} #{}", words(it, {"dreg"}), ++generators_),
                         drawn_bytes);
    }

    bool exthdr(const Node& it) {
        const uint64_t length = it.number("len");
        if (it.find("sreg") != nullptr) {
            return act(it, {{"sreg", length}});
        }
        if (it.find("dreg") == nullptr) {
            return act(it, {});  // an option of TCP is taken out
        }
        const bool present = (it.number("flags") & exthdr_present) != 0;
        if (present) {
            return load_into(it, words(it, {"dreg"}), 1);
        }
        return length <= Registers::bytes && load_into(it, words(it, {"dreg"}), length);
    }

    bool hash(const Node& it) {
        std::string name = words(it, {"dreg", "sreg"});
        if (it.find("sreg") != nullptr) {
            const auto word = registers_.read(it.number("sreg"), it.number("len"));
            if (!word) {
                return false;
            }
            name += " of " + text(*word);
            return registers_.write(it.number("dreg"),
                                    load(it, std::move(name), 0, drawn_bytes, *word));
        }
        return load_into(it, std::move(name), drawn_bytes);
    }

    // Calculations.

    bool bitwise(const Node& it) {
        auto word = registers_.read(it.number("sreg"), it.number("len"));
        if (!word) {
            return false;
        }
        if (it.number("op") != 0) {  // a shift
            const std::string name = words(it, {"dreg", "sreg"}) + " of " + text(*word);
            return registers_.write(it.number("dreg"), load(it, name, 0, word->size(), *word));
        }
        const Bytes mask = data(it, "mask");
        const Bytes flip = data(it, "xor");
        if (mask.size() != word->size() || flip.size() != word->size()) {
            return false;
        }
        for (size_t i = 0; i < word->size(); ++i) {
            Byte& byte = (*word)[i];
            byte.mask &= mask[i];
            byte.flip = (byte.flip & mask[i]) ^ flip[i];
        }
        return registers_.write(it.number("dreg"), *word);
    }

    // A swap of bytes in numbers of `size`, on a host whose own order differs from the network's.
    bool byteorder(const Node& it) {
        auto word = registers_.read(it.number("sreg"), it.number("len"));
        const uint64_t size = it.number("size");
        if (!word || (size != 2 && size != 4 && size != 8) || word->size() % size != 0) {
            return false;
        }
        for (size_t i = 0; i < word->size(); i += size) {
            std::reverse(word->begin() + static_cast<std::ptrdiff_t>(i),
                         word->begin() + static_cast<std::ptrdiff_t>(i + size));
        }
        return registers_.write(it.number("dreg"), *word);
    }

    // Tests.

    bool cmp(const Node& it) {
        const uint64_t op = it.number("op");
        const Bytes right = data(it, "data");
        const auto word = registers_.read(it.number("sreg"), right.size());
        if (!word || op > static_cast<uint64_t>(Test::Op::ge)) {
            return false;
        }
        // nft_cmp_ops: EQ, NEQ, LT, LTE, GT, GTE, as Test::Op
        rule_.steps.emplace_back(Test{static_cast<Test::Op>(op), *word, right, {}, {}});
        return true;
    }

    bool range(const Node& it) {
        const Bytes from = data(it, "from");
        const Bytes to = data(it, "to");
        const auto word = registers_.read(it.number("sreg"), from.size());
        if (!word || from.size() != to.size() || it.number("op") > 1) {
            return false;
        }
        const auto op = it.number("op") == 0 ? Test::Op::in_range : Test::Op::out_of_range;
        rule_.steps.emplace_back(Test{op, *word, from, to, {}});
        return true;
    }

    bool lookup(const Node& it) {
        const Set* set = sets_.find(it.text("set"));
        const auto key = set == nullptr
                             ? std::nullopt
                             : registers_.read(it.number("sreg"), set->self.node.number("key_len"));
        if (!key) {
            return false;
        }
        if (it.find("dreg") == nullptr) {
            const bool inverted = (it.number("flags") & 1) != 0;
            rule_.steps.emplace_back(Test{
                inverted ? Test::Op::out_of_set : Test::Op::in_set, *key, {}, {}, it.text("set")});
            return true;
        }
        if (it.number("dreg") == Registers::verdict) {
            rule_.steps.emplace_back(Act{it, {{"sreg", *key}}});
            return true;
        }
        rule_.steps.emplace_back(Test{Test::Op::in_set, *key, {}, {}, it.text("set")});
        maps_.push_back(rule_.steps.size() - 1);
        const std::string name = fmt::format("map @{} of {}", canonical(*set), text(*key));
        return registers_.write(it.number("dreg"),
                                load(it, name, 0, set->self.node.number("data_len"), *key));
    }

    // Acts.

    using Operands =
        std::initializer_list<std::pair<std::string_view, uint64_t>>;  // register, bytes

    // What changes nothing that a later expression of the rule loads.
    bool watch(const Node& it) {
        rule_.steps.emplace_back(Act{it, {}});
        return true;
    }

    bool plain(const Node& it) { return act(it, {}); }

    bool act(const Node& it, Operands registers) {
        Act act{it, {}};
        for (const auto& [name, length] : registers) {
            if (it.find(name) == nullptr) {
                continue;
            }
            const auto word = registers_.read(it.number(name), length);
            if (!word) {
                return false;
            }
            act.operands.emplace_back(name, *word);
            used(*word);
            std::erase_if(act.expression.attributes,
                          [&, key = name](const Attribute& one) { return one.name == key; });
        }
        rule_.steps.emplace_back(std::move(act));
        ++epoch_;
        return true;
    }

    // What a map gave is used here: that it gave something need not be asked apart.
    void used(const Word& word) {
        for (const Byte& byte : word) {
            const Source* source =
                byte.source == Byte::constant ? nullptr : &rule_.sources[byte.source];
            for (const size_t step : maps_) {
                Test& test = std::get<Test>(rule_.steps[step]);
                test.found |= source != nullptr && source->load.group == "lookup" &&
                              source->load.text("set") == test.set && source->key == test.value;
            }
        }
    }

    static uint64_t address_length(uint64_t family) {
        constexpr uint64_t ip = 2;
        constexpr uint64_t ip6 = 10;
        return family == ip ? 4 : family == ip6 ? 16 : 0;
    }

    bool nat(const Node& it) {
        const uint64_t address = address_length(it.number("family"));
        return act(it, {{"reg_addr_min", address},
                        {"reg_addr_max", address},
                        {"reg_proto_min", 2},
                        {"reg_proto_max", 2}});
    }

    bool ports(const Node& it) { return act(it, {{"reg_proto_min", 2}, {"reg_proto_max", 2}}); }

    bool tproxy(const Node& it) {
        return act(it, {{"reg_addr", address_length(it.number("family"))}, {"reg_port", 2}});
    }

    bool dup(const Node& it) {
        const uint64_t address = sets_.family() == "ip6" ? 16 : 4;
        return act(it, {{"sreg_addr", address}, {"sreg_dev", 4}});
    }

    bool fwd(const Node& it) {
        return act(it, {{"sreg_dev", 4}, {"sreg_addr", address_length(it.number("nfproto"))}});
    }

    bool queue(const Node& it) { return act(it, {{"sreg_qnum", 2}}); }

    bool dynset(const Node& it) {
        const Set* set = sets_.find(it.text("set"));
        return set != nullptr && act(it, {{"sreg_key", set->self.node.number("key_len")},
                                          {"sreg_data", set->self.node.number("data_len")}});
    }

    bool objref(const Node& it) {
        const Set* set = sets_.find(it.text("set"));
        const uint64_t length = set == nullptr ? 0 : set->self.node.number("key_len");
        return act(it, {{"set_sreg", length}});
    }

    const Sets& sets_;
    NormalRule rule_;
    Registers registers_;
    std::vector<size_t> maps_;  // steps that look into one
    unsigned epoch_ = 0;
    unsigned generators_ = 0;
};

}  // namespace

tl::expected<NormalRule, std::string> normal_form(const Node& rule, const Sets& sets) {
    return Machine(sets).run(rule.nodes("expressions"));
}

}  // namespace rehome::lbsync::kernel
