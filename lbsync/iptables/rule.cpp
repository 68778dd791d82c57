#include <fmt/format.h>

#include "lbsync/iptables/modules.h"
#include "lbsync/iptables/print.h"
#include "lbsync/iptables/read.h"

namespace rehome::lbsync::iptables {

namespace {

using Failed = tl::expected<void, std::string>;

tl::unexpected<std::string> wrong(std::string what) {
    return tl::unexpected(std::move(what));
}

// The options that belong to no module, each with one value unless it is a flag.
bool is_base_option(std::string_view option) {
    static constexpr std::string_view options[] = {
        "-s",    "--source",   "--src",          "-d", "--destination",
        "--dst", "-i",         "--in-interface", "-o", "--out-interface",
        "-p",    "--protocol", "--proto",        "-f", "--fragment"};
    return std::find(std::begin(options), std::end(options), option) != std::end(options);
}

bool is_one_of(const Word& word, std::string_view letter, std::string_view name) {
    return !word.quoted && (word.text == letter || word.text == name);
}

// Takes one part after the other; what is wrong with the rule ends it.
class RuleReader {
public:
    RuleReader(const std::vector<Word>& words, const Table& table) : words_(words), table_(table) {}

    tl::expected<Rule, std::string> read() {
        while (at_ < words_.size()) {
            auto taken = part();
            if (!taken) {
                return tl::unexpected(taken.error());
            }
        }
        return std::move(rule_);
    }

private:
    Failed part() {
        const bool negated = is_one_of(words_[at_], "!", "!");
        if (negated && ++at_ == words_.size()) {
            return wrong("nothing stands behind the last \"!\"");
        }
        const Word& word = words_[at_];
        Part part{.negated = negated, .option = word.text};
        ++at_;
        if (is_one_of(word, "-m", "--match")) {
            return open(std::move(part), Part::Kind::match);
        }
        if (is_one_of(word, "-j", "--jump") || is_one_of(word, "-g", "--goto")) {
            return open(std::move(part), Part::Kind::target);
        }
        if (word.quoted || !word.text.starts_with("-")) {
            return wrong(in_quotes(word.text) + " stands where an option was expected");
        }
        return is_base_option(word.text) ? base(std::move(part)) : option(std::move(part));
    }

    Failed base(Part part) {
        const bool flag = part.option == "-f" || part.option == "--fragment";
        auto taken = values(part, flag ? 0 : 1);
        if (!taken) {
            return taken;
        }
        if (part.option == "-p" || part.option.starts_with("--proto")) {
            protocol_ = part.negated ? "" : part.values[0].text;
        }
        rule_.parts.push_back(std::move(part));
        return {};
    }

    Failed open(Part part, Part::Kind kind) {
        if (part.negated) {
            return wrong(fmt::format("\"!\" stands before {}", part.option));
        }
        const std::string option = part.option;
        if (at_ == words_.size()) {
            return wrong(fmt::format("{} has no value", option));
        }
        part.kind = kind;
        part.name = words_[at_++].text;
        const std::string name = part.name;
        rule_.parts.push_back(std::move(part));
        if (kind == Part::Kind::match) {
            return opened(known_module(ModuleKind::match, name), "match", name);
        }
        if (table_.chain(name) != nullptr) {
            return {};
        }
        if (option == "-g" || option == "--goto") {
            return wrong(fmt::format("chain {} is not there", name));
        }
        return opened(known_module(ModuleKind::target, name), "target", name);
    }

    Failed opened(bool known, std::string_view what, const std::string& name) {
        if (known) {
            modules_.push_back(rule_.parts.size() - 1);
            return {};
        }
        rule_.unknown = fmt::format("{} {}", what, name);
        Part rest{.kind = Part::Kind::text};
        rest.values.assign(words_.begin() + static_cast<std::ptrdiff_t>(at_), words_.end());
        rule_.parts.push_back(std::move(rest));
        at_ = words_.size();
        return {};
    }

    Failed option(Part part) {
        auto number = claim(part);
        if (!number && load_implied()) {
            number = claim(part);
        }
        if (!number) {
            return wrong(fmt::format("option {} is not known here", in_quotes(part.option)));
        }
        part.kind = Part::Kind::option;
        auto taken = values(part, *number);
        if (taken) {
            rule_.parts.push_back(std::move(part));
        }
        return taken;
    }

    // The youngest module that has the option gets it, as in iptables.
    std::optional<unsigned> claim(Part& part) const {
        for (size_t i = modules_.size(); i-- > 0;) {
            const Part& module = rule_.parts[modules_[i]];
            const auto kind =
                module.kind == Part::Kind::match ? ModuleKind::match : ModuleKind::target;
            if (const auto number = option_values(kind, module.name, part.option)) {
                part.of = modules_[i];
                return number;
            }
        }
        return {};
    }

    bool load_implied() {
        const std::string_view match = match_of_protocol(protocol_);
        if (match.empty() || implied_) {
            return false;
        }
        implied_ = true;
        modules_.push_back(rule_.parts.size());
        rule_.parts.push_back({.kind = Part::Kind::match,
                               .implied = true,
                               .option = "-m",
                               .name = std::string(match)});
        return true;
    }

    Failed values(Part& part, unsigned number) {
        if (words_.size() - at_ < number) {
            return wrong(fmt::format("{} has no value", part.option));
        }
        for (; number > 0; --number) {
            part.values.push_back(words_[at_++]);
        }
        return {};
    }

    const std::vector<Word>& words_;
    const Table& table_;
    size_t at_ = 0;
    Rule rule_;
    std::vector<size_t> modules_;  // parts that opened one, the youngest last
    std::string protocol_;
    bool implied_ = false;
};

}  // namespace

std::vector<const Part*> Rule::options_of(size_t part) const {
    std::vector<const Part*> options;
    for (const Part& other : parts) {
        if (other.kind == Part::Kind::option && other.of == part) {
            options.push_back(&other);
        }
    }
    return options;
}

const Chain* Table::chain(const std::string& chain_name) const {
    const auto found = std::find_if(chains.begin(), chains.end(),
                                    [&](const Chain& c) { return c.name == chain_name; });
    return found == chains.end() ? nullptr : &*found;
}

tl::expected<Rule, std::string> parse_rule(const std::vector<Word>& words, const Table& table) {
    auto rule = RuleReader(words, table).read();
    if (rule && words_of(*rule) != words) {
        return wrong(fmt::format("reads back as {}", in_quotes(print(*rule))));
    }
    return rule;
}

}  // namespace rehome::lbsync::iptables
