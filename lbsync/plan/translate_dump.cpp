#include "lbsync/plan/translate_dump.h"

#include <algorithm>

#include <fmt/format.h>

#include "lbsync/iptables/pieces.h"
#include "lbsync/iptables/print.h"
#include "lbsync/iptables/set_state.h"
#include "lbsync/iptables/values.h"

namespace rehome::lbsync {

namespace {

using iptables::IpSet;
using iptables::Part;
using iptables::Rule;
using iptables::SetElement;
using Image = tl::expected<std::string, std::string>;

// What a value of a module's option is.
enum class Holds : uint8_t {
    nothing,    // of a site
    network,    // "10.0.0.0/8"
    addresses,  // "10.0.0.1-10.0.0.9"
    address,
    hosts,        // a prefix, each host of which is rewritten to the same one of another
    translation,  // "10.0.0.1-10.0.0.9:80-90"
    interface,
    unseen,  // what may be a site's own without saying so
};

struct Option {
    std::string_view module;
    std::string_view option;
    Holds holds;
};

// Of the modules that lbsync/iptables/modules.cpp knows; all that is not listed holds nothing.
constexpr Option options[] = {
    {"iprange", "--src-range", Holds::addresses},
    {"iprange", "--dst-range", Holds::addresses},
    {"conntrack", "--ctorigsrc", Holds::network},
    {"conntrack", "--ctorigdst", Holds::network},
    {"conntrack", "--ctreplsrc", Holds::network},
    {"conntrack", "--ctrepldst", Holds::network},
    {"policy", "--tunnel-src", Holds::network},
    {"policy", "--tunnel-dst", Holds::network},
    {"ipvs", "--vaddr", Holds::network},
    {"physdev", "--physdev-in", Holds::interface},
    {"physdev", "--physdev-out", Holds::interface},
    {"rt", "--rt-0-addrs", Holds::unseen},
    {"mac", "--mac-source", Holds::unseen},
    {"u32", "--u32", Holds::unseen},
    {"bpf", "--bytecode", Holds::unseen},
    {"bpf", "--object-pinned", Holds::unseen},
    {"realm", "--realm", Holds::unseen},
    {"devgroup", "--src-group", Holds::unseen},
    {"devgroup", "--dst-group", Holds::unseen},
    {"time", "--kerneltz", Holds::unseen},
    {"time", "--localtz", Holds::unseen},
    {"DNAT", "--to-destination", Holds::translation},
    {"SNAT", "--to-source", Holds::translation},
    {"NETMAP", "--to", Holds::hosts},
    {"TEE", "--gateway", Holds::address},
    {"TEE", "--oif", Holds::interface},
    {"TPROXY", "--on-ip", Holds::address},
    {"DNPT", "--src-pfx", Holds::hosts},
    {"DNPT", "--dst-pfx", Holds::hosts},
    {"SNPT", "--src-pfx", Holds::hosts},
    {"SNPT", "--dst-pfx", Holds::hosts},
};

Holds held_by(std::string_view module, std::string_view option) {
    const auto found = std::find_if(std::begin(options), std::end(options), [&](const Option& it) {
        return it.module == module && it.option == option;
    });
    return found == std::end(options) ? Holds::nothing : found->holds;
}

Holds held_by(std::string_view base_option) {
    const auto is = [&](std::initializer_list<std::string_view> names) {
        return std::find(names.begin(), names.end(), base_option) != names.end();
    };
    if (is({"-s", "--source", "--src", "-d", "--destination", "--dst"})) {
        return Holds::network;
    }
    return is({"-i", "--in-interface", "-o", "--out-interface"}) ? Holds::interface : Holds::nothing;
}

tl::unexpected<std::string> wrong(std::string what) {
    return tl::unexpected(std::move(what));
}

class Translator {
public:
    Translator(const Mapping& mapping, const Interfaces& interfaces)
        : mapping_(mapping), interfaces_(interfaces) {}

    Image image(Holds holds, const std::string& text) const {
        switch (holds) {
            case Holds::network:
                return network(text);
            case Holds::addresses:
            case Holds::address:
                return addresses(text);
            case Holds::hosts:
                return hosts(text);
            case Holds::translation:
                return translation(text);
            case Holds::interface:
                return interface(text);
            default:
                return text;
        }
    }

    // An element's part: an address, a prefix or a range, each as it is written.
    Image element(const std::string& text) const {
        return text.find('/') == text.npos ? addresses(text) : network(text);
    }

    Image interface(const std::string& text) const {
        if (text.find('*') != text.npos) {
            return wrong(fmt::format("interface {} is not understood", in_quotes(text)));
        }
        const bool wild = text.ends_with('+');
        return map_interface(interfaces_, wild ? text.substr(0, text.size() - 1) + "*" : text)
            .map([&](const std::string& name) {
                return wild ? name.substr(0, name.size() - 1) + "+" : name;
            });
    }

private:
    // What stays keeps its form.
    tl::expected<std::optional<Interval>, std::string> moved(const Interval& interval) const {
        return mapping_.map(interval).map([&](const Interval& image) {
            return image == interval ? std::nullopt : std::optional(image);
        });
    }

    Image network(const std::string& text) const {
        const auto prefix = Prefix::parse(text);
        if (!prefix) {
            return wrong(fmt::format("{} is no prefix", in_quotes(text)));
        }
        const auto image = moved(Interval::of(*prefix));
        if (!image || !*image) {
            return image ? Image(text) : wrong(image.error());
        }
        const auto whole = (*image)->prefix();
        if (!whole) {
            return wrong(
                fmt::format("object without a counterpart: {} becomes {}, which is no "
                            "prefix",
                            text, (*image)->text()));
        }
        return text.find('/') == text.npos ? whole->address.text() : whole->text();
    }

    Image addresses(const std::string& text) const {
        const size_t dash = text.find('-');
        const auto first = Address::parse(text.substr(0, dash));
        const auto last = dash == text.npos ? first : Address::parse(text.substr(dash + 1));
        if (!first || !last || first->family != last->family || *last < *first) {
            return wrong(fmt::format("{} is no address or range", in_quotes(text)));
        }
        return moved({*first, *last}).map([&](const std::optional<Interval>& image) {
            return !image              ? text
                   : dash == text.npos ? image->first.text()
                                       : image->first.text() + "-" + image->last.text();
        });
    }

    Image hosts(const std::string& text) const {
        const auto prefix = Prefix::parse(text);
        if (!prefix) {
            return wrong(fmt::format("{} is no prefix", in_quotes(text)));
        }
        const auto same = moved(Interval::of(*prefix));
        if (same && !*same) {
            return text;
        }
        return mapping_.map_hosts(*prefix).map([](const Prefix& image) { return image.text(); });
    }

    // "[2001:db8::1-2001:db8::9]:80", "10.0.0.1:80-90/80", ":80", "10.0.0.1"
    Image translation(const std::string& text) const {
        const bool bracket = text.starts_with("[");
        const size_t end = bracket ? text.find(']') : text.find(':');
        const bool plain6 = !bracket && end != text.npos && text.find(':', end + 1) != text.npos;
        if (bracket && end == text.npos) {
            return wrong(fmt::format("{} is not understood", in_quotes(text)));
        }
        if (plain6 || (!bracket && end == text.npos)) {
            return addresses(text);
        }
        const std::string inner = bracket ? text.substr(1, end - 1) : text.substr(0, end);
        if (inner.empty()) {
            return text;  // ports alone
        }
        return addresses(inner).map([&](const std::string& image) {
            return bracket ? "[" + image + text.substr(end) : image + text.substr(end);
        });
    }

    const Mapping& mapping_;
    const Interfaces& interfaces_;
};

class DumpTranslator {
public:
    DumpTranslator(const iptables::Dump& dump, const Mapping& mapping, const Interfaces& interfaces,
                   const std::string& where, std::vector<Error>& errors)
        : dump_(dump), translator_(mapping, interfaces), where_(where), errors_(errors) {
        for (const Numbers* numbers :
             {&mapping.packet_marks(), &mapping.connection_marks(), &mapping.zones()}) {
            numbers_ |= numbers->changes(~uint64_t{0});
        }
    }

    TranslatedDump translate() {
        result_.dump = dump_;
        named_ = iptables::named_sets(dump_);
        std::erase_if(result_.dump.sets,
                      [&](const IpSet& set) { return !named_.contains(set.name); });
        for (IpSet& set : result_.dump.sets) {
            place_ = fmt::format("{}: ipset save:{}", where_, set.line);
            words_ = print(set);
            this->set(set);
        }
        for (iptables::Save& save : result_.dump.saves) {
            for (iptables::Table& table : save.tables) {
                for (iptables::Chain& chain : table.chains) {
                    for (Rule& rule : chain.rules) {
                        place_ = fmt::format("{}: {}-save:{}", where_, kind_of(save), rule.line);
                        words_ = fmt::format("-A {} {}", chain.name, print(rule));
                        this->rule(rule);
                    }
                }
            }
        }
        return std::move(result_);
    }

private:
    void refuse(const std::string& what) {
        errors_.push_back({Exit::usage, place_, fmt::format("{} in: {}", what, words_)});
    }

    void doubt(const std::string& what) {
        result_.doubts.push_back({place_, fmt::format("{}: {}", what, in_quotes(words_))});
    }

    void take(Image image, std::string& text) {
        if (image) {
            text = std::move(*image);
        } else if (image.error().starts_with("object without a counterpart")) {
            refuse(image.error());
        } else {
            doubt(image.error());
        }
    }

    void rule(Rule& rule) {
        if (!rule.unknown.empty()) {
            doubt(rule.unknown + " is not known, and may hold an address of the site");
            return;
        }
        for (Part& part : rule.parts) {
            if (numbers_ && holds_number(part)) {
                refuse("object without a counterpart: a mark or zone in iptables' words");
            }
            const Holds holds = part.kind == Part::Kind::base ? held_by(part.option)
                                : part.kind == Part::Kind::option
                                    ? held_by(rule.parts[part.of].name, part.option)
                                    : Holds::nothing;
            if (holds == Holds::unseen) {
                doubt(fmt::format("{} may hold what is the site's own", part.option));
            } else if (holds != Holds::nothing && !part.values.empty()) {
                take(translator_.image(holds, part.values[0].text), part.values[0].text);
            }
            expect_set(part);
        }
    }

    // Numbers are not mapped here, so that those which a mapping file changes are refused.
    static bool holds_number(const Part& part) {
        const auto has = [](const std::string& text) {
            return text.find("mark") != text.npos || text.find("MARK") != text.npos ||
                   text.find("zone") != text.npos;
        };
        return has(part.name) || has(part.option);
    }

    void expect_set(const Part& part) {
        const bool names = part.kind == Part::Kind::option && part.option.ends_with("-set") &&
                           part.values.size() == 2;
        if (names && std::none_of(dump_.sets.begin(), dump_.sets.end(), [&](const IpSet& set) {
                return set.name == part.values[0].text;
            })) {
            doubt(fmt::format("set {} is not there", part.values[0].text));
        }
    }

    // Without what is state in it.
    void set(IpSet& set) {
        if (set.type == "list:set") {
            return;
        }
        const bool filled = iptables::filled_sets(dump_).contains(set.name);
        std::erase_if(set.elements, [&](const SetElement& element) {
            return !is_permanent(element) || (filled && !ages(set));
        });
        const size_t colon = set.type.find(':');
        const auto parts =
            iptables::split(set.type.substr(std::min(colon, set.type.size() - 1) + 1), ',');
        for (size_t i = 0; i + 1 < set.options.size(); ++i) {
            if (set.options[i].text == "range" && parts != std::vector<std::string>{"port"}) {
                auto& text = set.options[i + 1].text;
                take(translator_.element(text), text);
            }
        }
        for (SetElement& element : set.elements) {
            place_ = fmt::format("{}: ipset save:{}", where_, element.line);
            words_ = print(set, element);
            this->element(parts, element);
        }
    }

    void element(const std::vector<std::string>& types, SetElement& element) {
        std::vector<std::string> parts = iptables::split(element.value, ',');
        if (parts.size() != types.size()) {
            doubt("an element that does not fit its set");
            return;
        }
        for (size_t i = 0; i < parts.size(); ++i) {
            this->part(types[i], element, parts[i]);
        }
        element.value = parts[0];
        for (size_t i = 1; i < parts.size(); ++i) {
            element.value += "," + parts[i];
        }
    }

    void part(const std::string& type, const SetElement& element, std::string& text) {
        if (type == "ip" || type == "net") {
            take(translator_.element(text), text);
        } else if (type == "iface") {
            const bool wild = std::any_of(element.options.begin(), element.options.end(),
                                          [](const Word& word) { return word.text == "wildcard"; });
            auto image = translator_.interface(text + (wild ? "+" : ""));
            if (image && wild) {
                image->pop_back();
            }
            take(std::move(image), text);
        } else if (type == "mark" && numbers_) {
            refuse("object without a counterpart: a mark in a set of ipset");
        } else if (type != "port" && type != "mark") {
            doubt(fmt::format("a part of type {} may hold what is the site's own", type));
        }
    }

    const iptables::Dump& dump_;
    Translator translator_;
    const std::string& where_;
    std::vector<Error>& errors_;
    TranslatedDump result_;
    std::set<std::string> named_;
    bool numbers_ = false;  // some mark or zone becomes another
    std::string place_;
    std::string words_;
};

}  // namespace

TranslatedDump translate(const iptables::Dump& dump, const Mapping& mapping,
                         const Interfaces& interfaces, const std::string& where,
                         std::vector<Error>& errors) {
    return DumpTranslator(dump, mapping, interfaces, where, errors).translate();
}

}  // namespace rehome::lbsync
