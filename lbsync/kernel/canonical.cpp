#include "lbsync/kernel/canonical.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace rehome::lbsync::kernel {

namespace {

std::string bytes_text(const Bytes& bytes) {
    return fmt::format("{:02x}", fmt::join(bytes, ""));
}

std::string value_text(const Node& node);

std::string value_text(const Attribute& attribute) {
    if (const auto* number = std::get_if<uint64_t>(&attribute.value)) {
        return std::to_string(*number);
    }
    if (const auto* words = std::get_if<std::string>(&attribute.value)) {
        return "\"" + *words + "\"";
    }
    if (const auto* bytes = std::get_if<Bytes>(&attribute.value)) {
        return bytes_text(*bytes);
    }
    std::string text;
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

std::string declared(const Set& set) {
    Node head = set.self.node;
    std::erase_if(head.attributes, [](const Attribute& it) {
        return it.name == "name" || it.name == "id" || it.name == "handle";
    });
    return value_text(head);
}

std::string canonical(const Set& set) {
    return set_text(set);
}

std::string canonical(const Word& word, const std::vector<Source>& sources) {
    return word_text(word, sources);
}

}  // namespace rehome::lbsync::kernel
