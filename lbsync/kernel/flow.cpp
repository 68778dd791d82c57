#include "lbsync/kernel/flow.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>

#include <fmt/format.h>

#include "lbsync/kernel/attributes.h"

namespace rehome::lbsync::kernel {

namespace {

constexpr size_t file_bytes = 64;  // NFT_REG_1..4 of 16 bytes, over NFT_REG32_00..15 of 4
constexpr size_t cell = 4;
constexpr uint64_t verdict_register = 0;

using Refused = tl::unexpected<std::string>;

// Where a register begins in the file; none for the verdict's and for what is no register.
std::optional<size_t> register_offset(uint64_t number) {
    if (number >= 1 && number <= 4) {
        return (number - 1) * 16;
    }
    if (number >= 8 && number <= 23) {
        return (number - 8) * cell;
    }
    return {};
}

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

std::string value_text(const Node& node);

std::string value_text(const Attribute& attribute) {
    if (const auto* number = std::get_if<uint64_t>(&attribute.value)) {
        return std::to_string(*number);
    }
    if (const auto* words = std::get_if<std::string>(&attribute.value)) {
        return "\"" + *words + "\"";
    }
    std::string text;
    if (const auto* bytes = std::get_if<Bytes>(&attribute.value)) {
        for (const uint8_t byte : *bytes) {
            text += fmt::format("{:02x}", byte);
        }
        return text;
    }
    for (const Node& node : std::get<std::vector<Node>>(attribute.value)) {
        text += (text.empty() ? "" : ", ") + value_text(node);
    }
    return "{" + text + "}";
}

// What is a program's own (userdata) or a number without meaning of its own is no policy.
bool is_policy(std::string_view group, std::string_view name) {
    return name != "userdata" && name != "table" && !(group == "rule" && name == "handle");
}

std::string value_text(const Node& node) {
    std::vector<std::string> parts;
    for (const Attribute& attribute : node.attributes) {
        if (is_policy(node.group, attribute.name)) {
            parts.push_back(fmt::format("{}={}", attribute.name, value_text(attribute)));
        }
    }
    std::sort(parts.begin(), parts.end());
    return fmt::format("{}({})", node.group, fmt::join(parts, " "));
}

// Runs a rule's expressions over registers that hold where their bytes came from.
class Machine {
public:
    explicit Machine(const Sets& sets) : sets_(sets) {}

    tl::expected<NormalRule, std::string> run(const std::vector<Node>& expressions) {
        for (const Node& expression : expressions) {
            if (!step(expression)) {
                return Refused(fmt::format("expression {} in a form that is not understood",
                                           value_text(expression)));
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

    // Registers.

    bool write(uint64_t number, const Word& word) {
        const auto at = register_offset(number);
        const size_t padded = (word.size() + cell - 1) / cell * cell;
        if (!at || word.empty() || *at + padded > file_bytes) {
            return false;
        }
        for (size_t i = 0; i < padded; ++i) {
            file_[*at + i] = i < word.size() ? word[i] : Byte{};
        }
        return true;
    }

    std::optional<Word> read(uint64_t number, size_t length) const {
        const auto at = register_offset(number);
        if (!at || length == 0 || *at + length > file_bytes) {
            return {};
        }
        Word word;
        for (size_t i = 0; i < length; ++i) {
            if (!file_[*at + i]) {
                return {};  // nothing was loaded there
            }
            word.push_back(*file_[*at + i]);
        }
        return word;
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
        return length && write(it.number("dreg"), load(it, std::move(name), 0, *length));
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

    std::string text(const Word& word) const;

    // An expression's own words but for the registers named.
    static std::string words(const Node& it, std::initializer_list<std::string_view> registers) {
        Node rest{it.group, {}};
        for (const Attribute& attribute : it.attributes) {
            if (std::find(registers.begin(), registers.end(), attribute.name) == registers.end()) {
                rest.attributes.push_back(attribute);
            }
        }
        return value_text(rest);
    }

    // Loads.

    bool immediate(const Node& it) {
        const Node* data = it.node("data");
        if (data == nullptr) {
            return false;
        }
        if (it.number("dreg") != verdict_register) {
            return write(it.number("dreg"), constants(data->bytes("value")));
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
        return base < bases.size() && offset <= UINT16_MAX && length <= file_bytes &&
               write(it.number("dreg"),
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
        return load_into(it, fmt::format("{} #{}", words(it, {"dreg"}), ++generators_), cell);
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
        return length <= file_bytes && load_into(it, words(it, {"dreg"}), length);
    }

    bool hash(const Node& it) {
        std::string name = words(it, {"dreg", "sreg"});
        if (it.find("sreg") != nullptr) {
            const auto word = read(it.number("sreg"), it.number("len"));
            if (!word) {
                return false;
            }
            name += " of " + text(*word);
            return write(it.number("dreg"), load(it, std::move(name), 0, cell, *word));
        }
        return load_into(it, std::move(name), cell);
    }

    // Calculations.

    bool bitwise(const Node& it) {
        auto word = read(it.number("sreg"), it.number("len"));
        if (!word) {
            return false;
        }
        if (it.number("op") != 0) {  // a shift
            const std::string name = words(it, {"dreg", "sreg"}) + " of " + text(*word);
            return write(it.number("dreg"), load(it, name, 0, word->size(), *word));
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
        return write(it.number("dreg"), *word);
    }

    // A swap of bytes in numbers of `size`, on a host whose own order differs from the network's.
    bool byteorder(const Node& it) {
        auto word = read(it.number("sreg"), it.number("len"));
        const uint64_t size = it.number("size");
        if (!word || (size != 2 && size != 4 && size != 8) || word->size() % size != 0) {
            return false;
        }
        for (size_t i = 0; i < word->size(); i += size) {
            std::reverse(word->begin() + static_cast<std::ptrdiff_t>(i),
                         word->begin() + static_cast<std::ptrdiff_t>(i + size));
        }
        return write(it.number("dreg"), *word);
    }

    // Tests.

    bool cmp(const Node& it) {
        const uint64_t op = it.number("op");
        const Bytes right = data(it, "data");
        const auto word = read(it.number("sreg"), right.size());
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
        const auto word = read(it.number("sreg"), from.size());
        if (!word || from.size() != to.size() || it.number("op") > 1) {
            return false;
        }
        const auto op = it.number("op") == 0 ? Test::Op::in_range : Test::Op::out_of_range;
        rule_.steps.emplace_back(Test{op, *word, from, to, {}});
        return true;
    }

    bool lookup(const Node& it) {
        const Set* set = sets_.find(it.text("set"));
        const auto key = set == nullptr ? std::nullopt
                                        : read(it.number("sreg"), set->self.node.number("key_len"));
        if (!key) {
            return false;
        }
        if (it.find("dreg") == nullptr) {
            const bool inverted = (it.number("flags") & 1) != 0;
            rule_.steps.emplace_back(Test{
                inverted ? Test::Op::out_of_set : Test::Op::in_set, *key, {}, {}, it.text("set")});
            return true;
        }
        if (it.number("dreg") == verdict_register) {
            rule_.steps.emplace_back(Act{it, {{"sreg", *key}}});
            return true;
        }
        rule_.steps.emplace_back(Test{Test::Op::in_set, *key, {}, {}, it.text("set")});
        maps_.push_back(rule_.steps.size() - 1);
        const std::string name = fmt::format("map @{} of {}", set_name(*set), text(*key));
        return write(it.number("dreg"), load(it, name, 0, set->self.node.number("data_len"), *key));
    }

    // Acts.

    using Registers = std::initializer_list<std::pair<std::string_view, uint64_t>>;  // and bytes

    // What changes nothing that a later expression of the rule loads.
    bool watch(const Node& it) {
        rule_.steps.emplace_back(Act{it, {}});
        return true;
    }

    bool plain(const Node& it) { return act(it, {}); }

    bool act(const Node& it, Registers registers) {
        Act act{it, {}};
        for (const auto& [name, length] : registers) {
            if (it.find(name) == nullptr) {
                continue;
            }
            const auto word = read(it.number(name), length);
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

    std::string set_name(const Set& set) const;

    const Sets& sets_;
    NormalRule rule_;
    std::array<std::optional<Byte>, file_bytes> file_{};
    std::vector<size_t> maps_;  // steps that look into one
    unsigned epoch_ = 0;
    unsigned generators_ = 0;
};

// Text.

std::string set_text(const Set& set) {
    if (!is_anonymous(set)) {
        return "@" + set.self.node.text("name");
    }
    std::vector<std::string> elements;
    std::transform(set.elements.begin(), set.elements.end(), std::back_inserter(elements),
                   [](const Node& element) { return value_text(element); });
    std::sort(elements.begin(), elements.end());
    Node head = set.self.node;
    std::erase_if(head.attributes, [](const Attribute& it) { return it.name == "name"; });
    return fmt::format("{} {{{}}}", value_text(head), fmt::join(elements, ", "));
}

std::string byte_text(const Byte& byte, const std::vector<Source>& sources) {
    if (byte.source == Byte::constant) {
        return fmt::format("{:02x}", byte.flip);
    }
    const Source& source = sources[byte.source];
    std::string text = source.name;
    if (source.epoch != 0) {
        text += fmt::format(" after {}", source.epoch);
    }
    text += fmt::format("[{:04}]", byte.index);
    if (byte.mask != 0xff) {
        text += fmt::format("&{:02x}", byte.mask);
    }
    return byte.flip == 0 ? text : text + fmt::format("^{:02x}", byte.flip);
}

// "payload network[0012..0015]": bytes that follow each other in their source stand as one.
std::string word_text(const Word& word, const std::vector<Source>& sources) {
    std::string text;
    for (size_t i = 0; i < word.size();) {
        size_t end = i + 1;
        const auto whole = [](const Byte& it) {
            return it.source != Byte::constant && it.mask == 0xff && it.flip == 0;
        };
        while (end < word.size() && whole(word[i]) && whole(word[end]) &&
               word[end].source == word[i].source && word[end].index == word[i].index + (end - i)) {
            ++end;
        }
        text += text.empty() ? "" : " ";
        text += byte_text(word[i], sources);
        if (end - i > 1) {
            text += fmt::format("+{}", end - i);
        }
        i = end;
    }
    return text;
}

std::string Machine::text(const Word& word) const {
    return word_text(word, rule_.sources);
}

std::string Machine::set_name(const Set& set) const {
    return set_text(set);
}

std::string bytes_text(const Bytes& bytes) {
    std::string text;
    for (const uint8_t byte : bytes) {
        text += fmt::format("{:02x}", byte);
    }
    return text;
}

// The lines of a run of tests, which have no order.
class Tests {
public:
    Tests(const std::vector<Source>& sources, const Sets& sets) : sources_(sources), sets_(sets) {}

    void add(const Test& test) {
        if (test.op == Test::Op::eq) {
            for (size_t i = 0; i < test.value.size(); ++i) {
                equal(test.value[i], test.first[i]);
            }
            return;
        }
        static constexpr std::array<std::string_view, 10> names = {
            "==", "!=", "<", "<=", ">", ">=", "in", "not in", "in", "not in"};
        std::string text = fmt::format("{} {} ", word_text(test.value, sources_),
                                       names[static_cast<size_t>(test.op)]);
        const Set* set = test.set.empty() ? nullptr : sets_.find(test.set);
        text += set != nullptr ? set_text(*set) : bytes_text(test.first);
        lines_.push_back(text + (test.last.empty() ? "" : "-" + bytes_text(test.last)));
    }

    void flush(std::vector<std::string>& lines) {
        std::sort(lines_.begin(), lines_.end());
        lines_.erase(std::unique(lines_.begin(), lines_.end()), lines_.end());
        lines.insert(lines.end(), lines_.begin(), lines_.end());
        lines_.clear();
    }

private:
    // Byte by byte, so that it does not matter what was loaded together.
    void equal(Byte byte, uint8_t value) {
        const auto wanted = static_cast<uint8_t>(value ^ byte.flip);
        byte.flip = 0;
        lines_.push_back(fmt::format("{} == {:02x}", byte_text(byte, sources_), wanted));
    }

    const std::vector<Source>& sources_;
    const Sets& sets_;
    std::vector<std::string> lines_;
};

std::string act_text(const Act& act, const std::vector<Source>& sources, const Sets& sets) {
    std::string text;
    Node expression = act.expression;
    if (expression.group == "lookup") {
        const Set* set = sets.find(expression.text("set"));
        text = "vmap " + (set == nullptr ? "" : set_text(*set));
        expression.attributes.clear();
    } else if (const Set* set = sets.find(expression.text("set"));
               set != nullptr && is_anonymous(*set)) {
        text = set_text(*set) + " ";
        std::erase_if(expression.attributes, [](const auto& it) { return it.name == "set"; });
    }
    text += value_text(expression);
    for (const auto& [name, word] : act.operands) {
        text += fmt::format(" {}={}", name, word_text(word, sources));
    }
    return text;
}

}  // namespace

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

tl::expected<NormalRule, std::string> normal_form(const Node& rule, const Sets& sets) {
    return Machine(sets).run(rule.nodes("expressions"));
}

std::vector<std::string> canonical(const NormalRule& rule, const Sets& sets) {
    std::vector<std::string> lines;
    Tests tests(rule.sources, sets);
    for (const auto& step : rule.steps) {
        if (const auto* test = std::get_if<Test>(&step)) {
            tests.add(*test);
            continue;
        }
        tests.flush(lines);
        if (const auto* verdict = std::get_if<Verdict>(&step)) {
            lines.push_back(fmt::format("verdict {} {}", verdict->code, verdict->chain));
        } else {
            lines.push_back(act_text(std::get<Act>(step), rule.sources, sets));
        }
    }
    tests.flush(lines);
    return lines;
}

std::string canonical(const Node& node) {
    return value_text(node);
}

}  // namespace rehome::lbsync::kernel
