#include "lbsync/outside/compare.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "lbsync/nft/words.h"
#include "lbsync/outside/values.h"

namespace rehome::lbsync::outside {

namespace {

constexpr std::string_view none = "none";

// How an interface's setting and that of "all" become what holds for it.
enum class With : uint8_t { nothing, highest };

struct PerInterface {
    std::string_view folder;
    std::string_view name;
    With with;
    bool of_host;  // "all" decides by itself
};

constexpr PerInterface per_interface[] = {
    {"net/ipv4/conf", "forwarding", With::nothing, true},
    {"net/ipv4/conf", "rp_filter", With::highest, false},
    {"net/ipv4/conf", "src_valid_mark", With::highest, false},
    {"net/ipv4/conf", "route_localnet", With::highest, false},
    {"net/ipv6/conf", "forwarding", With::nothing, true},
    {"net/ipv6/conf", "force_forwarding", With::nothing, true},
};

constexpr std::string_view absent = "0";  // of what the kernel does not even have

std::string setting(const Facts& facts, const std::string& path) {
    const auto found = facts.settings.find(path);
    return found == facts.settings.end() ? std::string(absent) : found->second;
}

std::string effective(const Facts& facts, const PerInterface& kind, const std::string& interface) {
    const auto of = [&](const std::string& name) {
        return setting(facts, fmt::format("{}/{}/{}", kind.folder, name, kind.name));
    };
    return kind.with == With::highest ? std::max(of("all"), of(interface)) : of(interface);
}

std::string joined(const std::vector<std::string>& all, std::string_view between) {
    std::string text;
    for (const std::string& one : all) {
        text += (text.empty() ? "" : std::string(between)) + one;
    }
    return text.empty() ? std::string(none) : text;
}

// What AF_XDP's libraries load: it hands packets to the socket of a program.
bool is_sockets_own(const Words& xdp) {
    const auto program = xdp.is_object() ? xdp.find("prog") : xdp.end();
    return xdp.is_object() && program != xdp.end() && program->is_object() &&
           in(text_at(*program, "name"), {"xsk_def_prog", "xdp_dispatcher"});
}

class Comparer {
public:
    Comparer(const Facts& old_one, const Facts& new_one, const Sites& sites)
        : old_(old_one), new_(new_one), sites_(sites) {
        result_.from = sites.from;
        result_.to = sites.to;
    }

    Comparison compare() {
        unread(old_, sites_.from);
        unread(new_, sites_.to);
        pair_links();
        for (const PerInterface& kind : per_interface) {
            settings_of(kind);
        }
        tracking();
        bridging();
        routing("ip", old_.routing4, new_.routing4);
        routing("ip -6", old_.routing6, new_.routing6);
        for (const auto& [from, to] : pairs_) {
            link(from, to);
        }
        alone();
        return std::move(result_);
    }

private:
    void unread(const Facts& facts, const std::string& host) {
        for (const auto& [what, why] : facts.unread) {
            result_.doubts.push_back({host, fmt::format("{}: {}", what, why)});
        }
    }

    void differ(std::string what, std::string old_value, std::string new_value, std::string how) {
        if (old_value != new_value) {
            result_.differences.push_back(
                {std::move(what), std::move(old_value), std::move(new_value), std::move(how)});
        }
    }

    void pair_links() {
        std::set<std::string> taken;
        for (const auto& [name, link] : old_.links) {
            const auto image = sites_.images.interface(name);
            if (image && new_.links.contains(*image)) {
                pairs_.emplace(name, *image);
                taken.insert(*image);
            } else {
                old_alone_.push_back(name);
            }
        }
        for (const auto& [name, link] : new_.links) {
            if (!taken.contains(name)) {
                new_alone_.push_back(name);
            }
        }
    }

    // Interfaces that differ in the same way are told in one line.
    void settings_of(const PerInterface& kind) {
        std::map<std::pair<std::string, std::string>, std::vector<std::string>> differing;
        const auto look_at = [&](const std::string& from, const std::string& to) {
            const auto values = std::pair(effective(old_, kind, from), effective(new_, kind, to));
            if (values.first != values.second) {
                differing[values].push_back(to);
            }
        };
        if (kind.of_host) {
            look_at("all", "all");
        }
        for (const auto& [from, to] : pairs_) {
            look_at(from, to);
        }
        for (const auto& [values, interfaces] : differing) {
            std::string how = "sysctl -w";
            for (const std::string& interface : interfaces) {
                how += fmt::format(" {}/{}/{}={}", kind.folder, interface, kind.name, values.first);
            }
            differ(fmt::format("{}/{{{}}}/{}", kind.folder, joined(interfaces, ","), kind.name),
                   values.first, values.second, how);
        }
    }

    // Settings below a folder, of which those that are not there are 0.
    void settings_below(std::string_view prefix) {
        std::set<std::string> paths;
        for (const Facts* facts : {&old_, &new_}) {
            for (auto it = facts->settings.lower_bound(std::string(prefix));
                 it != facts->settings.end() && it->first.starts_with(prefix); ++it) {
                paths.insert(it->first);
            }
        }
        for (const std::string& path : paths) {
            const std::string value = setting(old_, path);
            differ(path, value, setting(new_, path), fmt::format("sysctl -w {}={}", path, value));
        }
    }

    void tracking() {
        if (!old_.tracks() || !new_.tracks()) {
            if (old_.tracks() || new_.tracks()) {
                note(old_.tracks() ? sites_.to : sites_.from,
                     "no connection tracking is loaded: its settings are not compared");
            }
            return;
        }
        settings_below("net/netfilter/nf_conntrack_");
        const std::string assigns = "net/netfilter/nf_conntrack_helper";
        if (setting(old_, assigns) == "1" && setting(new_, assigns) == "1") {
            differ("helpers that follow connections by themselves", joined(old_.helpers, ", "),
                   joined(new_.helpers, ", "), "modprobe");
        }
    }

    void bridging() {
        if (old_.bridges() && new_.bridges()) {
            settings_below("net/bridge/");
        }
    }

    // None when it has no counterpart, which is told.
    std::optional<Value> old_value(const std::string& what, const Words& words) {
        auto value = value_of(words, sites_.images);
        if (!value) {
            result_.doubts.push_back({sites_.from, fmt::format("{}: {}", what, value.error())});
            return {};
        }
        return std::move(*value);
    }

    // Values of the same words may still mean different things.
    void doubt_raw(const std::string& what, const Value& value) {
        if (value.program) {
            result_.doubts.push_back(
                {sites_.from, fmt::format("{}: what a program with maps does is not known: {}",
                                          what, value.text)});
        } else if (value.raw && !sites_.same) {
            result_.doubts.push_back(
                {sites_.from, fmt::format("{}: its bytes may hold an address of the site: {}", what,
                                          value.text)});
        }
    }

    // Lists of things, in their order; of routes any.
    void lists(const std::string& what, const std::vector<std::pair<std::string, Words>>& of_old,
               const std::vector<std::pair<std::string, Words>>& of_new, std::string_view how,
               bool any_order = false) {
        std::vector<std::string> old_words;
        std::vector<Value> values;
        for (const auto& [kind, words] : of_old) {
            auto value = old_value(what, words);
            if (!value) {
                return;
            }
            old_words.push_back(kind + " " + value->text);
            values.push_back(std::move(*value));
        }
        std::vector<std::string> new_words;
        for (const auto& [kind, words] : of_new) {
            const auto value = value_of(words, Images::same());
            new_words.push_back(kind + " " + (value ? value->text : value.error()));
        }
        if (any_order) {  // which is not that of what they have become
            std::sort(old_words.begin(), old_words.end());
            std::sort(new_words.begin(), new_words.end());
        }
        if (old_words != new_words) {
            differ(what, joined(old_words, "; "), joined(new_words, "; "), std::string(how));
            return;
        }
        for (const Value& value : values) {
            doubt_raw(what, value);
        }
    }

    void routing(const std::string& program, const Routing& of_old, const Routing& of_new) {
        const auto rules = [](const Routing& routing) {
            std::vector<std::pair<std::string, Words>> all;
            for (const MarkRule& rule : routing.rules) {
                all.emplace_back(rule.after_main ? "behind the table main:" : "rule", rule.words);
            }
            return all;
        };
        lists(program + " rules by mark", rules(of_old), rules(of_new), program + " rule");
        for (const auto& [table, routes] : of_old.routes) {
            const auto other = of_new.routes.find(table);
            if (other != of_new.routes.end()) {
                lists(fmt::format("{} routes of table {}", program, table), as_list(routes),
                      as_list(other->second), program + " route", true);
            }
        }
    }

    // Which route a packet takes does not depend on their order.
    static std::vector<std::pair<std::string, Words>> as_list(const std::vector<Words>& routes) {
        std::vector<std::pair<std::string, Words>> all;
        all.reserve(routes.size());
        for (const Words& route : routes) {
            all.emplace_back("route", route);
        }
        return all;
    }

    void link(const std::string& from, const std::string& to) {
        const Link& of_old = old_.links.at(from);
        const Link& of_new = new_.links.at(to);
        lists("tc at " + to, of_old.traffic, of_new.traffic, "tc");
        lists("XDP at " + to, programs(of_old, sites_.from, from), programs(of_new, sites_.to, to),
              "ip link set dev " + to + " xdp");
    }

    std::vector<std::pair<std::string, Words>> programs(const Link& link, const std::string& host,
                                                        const std::string& name) {
        if (!link.xdp) {
            return {};
        }
        if (is_sockets_own(*link.xdp)) {
            sockets_[host].push_back(name);
            return {};
        }
        return {{"program", *link.xdp}};
    }

    void alone() {
        lonely(old_, sites_.from, old_alone_, true);
        lonely(new_, sites_.to, new_alone_, false);
        for (const auto& [host, names] : sockets_) {
            note(host, fmt::format("XDP of {}: a program's own sockets take packets there: not "
                                   "compared",
                                   joined(names, ", ")));
        }
    }

    // What such an interface only has set is noted; what is done there to packets differs.
    void lonely(const Facts& facts, const std::string& host, const std::vector<std::string>& names,
                bool of_old) {
        for (const std::string& name : names) {
            const Link& link = facts.links.at(name);
            auto acts = link.traffic;
            const auto more = programs(link, host, name);
            acts.insert(acts.end(), more.begin(), more.end());
            const std::vector<std::pair<std::string, Words>> nothing;
            const std::string what =
                fmt::format("tc and XDP at {} of {}, which has no counterpart", name, host);
            lists(what, of_old ? acts : nothing, of_old ? nothing : acts, "tc, ip link");
        }
        if (!names.empty()) {
            note(host, fmt::format("interfaces without a counterpart, whose settings are not "
                                   "compared: {}",
                                   joined(names, ", ")));
        }
    }

    void note(const std::string& host, const std::string& what) {
        result_.notes.push_back(fmt::format("{}: {}", host, what));
    }

    const Facts& old_;
    const Facts& new_;
    const Sites& sites_;
    std::map<std::string, std::string> pairs_;  // interfaces, old -> new
    std::vector<std::string> old_alone_;
    std::vector<std::string> new_alone_;
    std::map<std::string, std::vector<std::string>> sockets_;
    Comparison result_;
};

}  // namespace

Comparison compare(const Facts& old_one, const Facts& new_one, const Sites& sites) {
    return Comparer(old_one, new_one, sites).compare();
}

std::vector<std::string> lines(const Comparison& comparison) {
    std::vector<std::string> lines;
    for (const Difference& it : comparison.differences) {
        lines.push_back(fmt::format(
            "outside the rules: {}: {} at {}, {} at {}; lbsync does not "
            "carry it, by hand: {}",
            it.what, it.old_value, comparison.from, it.new_value, comparison.to, it.how));
    }
    for (const Doubt& doubt : comparison.doubts) {
        lines.push_back(
            fmt::format("outside the rules, not provable: {}: {}", doubt.where, doubt.what));
    }
    for (const std::string& note : comparison.notes) {
        lines.push_back(fmt::format("outside the rules, not compared: {}", note));
    }
    return lines;
}

nlohmann::ordered_json to_json(const Comparison& comparison) {
    using nlohmann::ordered_json;
    ordered_json differences = ordered_json::array();
    for (const Difference& it : comparison.differences) {
        differences.push_back(
            {{"what", it.what}, {"old", it.old_value}, {"new", it.new_value}, {"how", it.how}});
    }
    ordered_json doubts = ordered_json::array();
    for (const Doubt& doubt : comparison.doubts) {
        doubts.push_back({{"where", doubt.where}, {"what", doubt.what}});
    }
    return {{"from", comparison.from},
            {"to", comparison.to},
            {"differences", std::move(differences)},
            {"not_provable", std::move(doubts)},
            {"not_compared", comparison.notes}};
}

}  // namespace rehome::lbsync::outside
