#include "lbsync/outside/facts.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "lbsync/nft/words.h"

namespace rehome::lbsync::outside {

namespace {

constexpr std::string_view not_understood = "prints what is not understood";
// The kernel's own tables, by number: unspecified, default, main, local.
bool is_kernels_table(std::string_view table) {
    return in(table, {"0", "253", "254", "255"});
}
constexpr std::string_view main_table = "254";

std::string routes_of(std::string_view family, std::string_view table) {
    return fmt::format("ip -N -j {} route show table {}", family, table);
}

std::string filters_at(std::string_view link, std::string_view place) {
    return fmt::format("tc -j filter show dev {} {}", link, place);
}

std::string classes_of(std::string_view link) {
    return fmt::format("tc class show dev {}", link);
}

// Their order is all that they decide.
bool orders_only(std::string_view kind) {
    return in(kind, {"noqueue", "noop", "pfifo", "bfifo", "pfifo_fast", "fq", "fq_codel", "codel",
                     "mq", "multiq", "sfq"});
}

// Where a queue's filters stand.
std::vector<std::string> places(const Words& queue) {
    const std::string kind = text_at(queue, "kind");
    if (kind == "clsact") {
        return {"ingress", "egress"};
    }
    if (kind == "ingress") {
        return {"ingress"};
    }
    const std::string handle = text_at(queue, "handle");
    return orders_only(kind) || handle.empty() ? std::vector<std::string>{}
                                               : std::vector<std::string>{"parent " + handle};
}

bool is_shelf(const Words& queue) {
    return in(text_at(queue, "kind"), {"clsact", "ingress"});
}

// Words of a command that go to another one: no blanks, no options.
bool is_name(const std::string& text) {
    return !text.empty() && text[0] != '-' && text.find_first_of(" \t\n") == text.npos;
}

class Reader {
public:
    explicit Reader(const Told& told) : told_(told) {
        facts_.settings = told.settings;
        facts_.unread = told.unread;
    }

    Facts read() {
        links();
        queues();
        facts_.routing4 = routing(rules_v4, "-4");
        facts_.routing6 = routing(rules_v6, "-6");
        helpers();
        return std::move(facts_);
    }

private:
    void wrong(const std::string& command) {
        facts_.unread.emplace(command, std::string(not_understood));
    }

    // The objects of a list; what is none of it is told.
    std::vector<Words> list(const std::string& command) {
        const auto said = told_.said.find(command);
        if (said == told_.said.end()) {
            facts_.unread.emplace(command, "was not asked");
            return {};
        }
        // Older programs print nothing where there is nothing.
        const bool nothing = said->second.find_first_not_of(" \n") == std::string::npos;
        const Words parsed = nothing ? Words::array() : parse_bounded(said->second);
        const bool good =
            parsed.is_array() && std::all_of(parsed.begin(), parsed.end(),
                                             [](const Words& one) { return one.is_object(); });
        if (!good) {
            wrong(command);
            return {};
        }
        return {parsed.begin(), parsed.end()};
    }

    void links() {
        for (const Words& link : list(std::string(link_list))) {
            const std::string name = text_at(link, "ifname");
            if (name.empty()) {
                wrong(std::string(link_list));
                continue;
            }
            Link& kept = facts_.links[name];
            const auto info = link.find("linkinfo");
            kept.bridge =
                info != link.end() && info->is_object() && text_at(*info, "info_kind") == "bridge";
            if (const auto xdp = link.find("xdp"); xdp != link.end()) {
                kept.xdp = *xdp;
                if (xdp->is_object() && xdp->contains("prog")) {
                    kept.xdp->erase("attached");  // says the same again
                }
            }
        }
    }

    void queues() {
        for (const Words& queue : list(std::string(queue_list))) {
            const std::string name = text_at(queue, "dev");
            const auto link = facts_.links.find(name);
            if (link == facts_.links.end()) {
                wrong(std::string(queue_list));
                continue;
            }
            if (!is_shelf(queue) && !orders_only(text_at(queue, "kind"))) {
                link->second.traffic.emplace_back("qdisc", queue);
                classes(name, link->second);
            }
            for (const std::string& place : places(queue)) {
                for (Words& filter : list(filters_at(name, place))) {
                    keep_filter(place, std::move(filter), link->second);
                }
            }
        }
    }

    // A filter's first lines only open its tables.
    static void keep_filter(const std::string& place, Words filter, Link& link) {
        const auto options = filter.find("options");
        if (options != filter.end() && !options->contains("ht_divisor")) {
            link.traffic.emplace_back("filter " + place, std::move(filter));
        }
    }

    // tc has no JSON for them.
    void classes(const std::string& name, Link& link) {
        const auto said = told_.said.find(classes_of(name));
        if (said == told_.said.end()) {
            facts_.unread.emplace(classes_of(name), "was not asked");
        } else if (!said->second.empty()) {
            link.traffic.emplace_back("classes", said->second);
        }
    }

    Routing routing(std::string_view command, std::string_view family) {
        Routing routing;
        bool after_main = false;
        for (Words& rule : list(std::string(command))) {
            const std::string table = text_at(rule, "table");
            forget(rule, {"priority", "protocol"});
            if (rule.contains("fwmark") || rule.contains("fwmask")) {
                routing.rules.push_back({std::move(rule), table, after_main});
            } else {
                after_main |= table == main_table;
            }
        }
        for (const MarkRule& rule : routing.rules) {
            if (!rule.table.empty() && !is_kernels_table(rule.table)) {
                routing.routes[rule.table] = routes(routes_of(family, rule.table));
            }
        }
        return routing;
    }

    std::vector<Words> routes(const std::string& command) {
        std::vector<Words> all = list(command);
        for (Words& route : all) {
            forget(route, {"protocol", "flags", "expires"});
        }
        return all;
    }

    // Who made it, and what it is at the moment.
    static void forget(Words& words, std::initializer_list<const char*> keys) {
        for (const char* key : keys) {
            words.erase(key);
        }
    }

    void helpers() {
        const auto said = told_.said.find(std::string(module_list));
        if (said == told_.said.end()) {
            return;  // a kernel without modules
        }
        std::string_view text = said->second;
        while (!text.empty()) {
            const std::string_view line = text.substr(0, text.find('\n'));
            text.remove_prefix(std::min(line.size() + 1, text.size()));
            const std::string_view name = line.substr(0, line.find(' '));
            if (name.starts_with("nf_conntrack_") &&
                !in(name,
                    {"nf_conntrack_netlink", "nf_conntrack_bridge", "nf_conntrack_broadcast"})) {
                facts_.helpers.emplace_back(name);
            }
        }
        std::sort(facts_.helpers.begin(), facts_.helpers.end());
    }

    const Told& told_;
    Facts facts_;
};

// What cannot be parsed is told when the facts are made.
std::vector<Words> objects(const Told& told, std::string_view command) {
    const auto said = told.said.find(std::string(command));
    const Words parsed = said == told.said.end() ? Words() : parse_bounded(said->second);
    std::vector<Words> all;
    for (const Words& one : parsed.is_array() ? parsed : Words::array()) {
        if (one.is_object()) {
            all.push_back(one);
        }
    }
    return all;
}

}  // namespace

bool Facts::tracks() const {
    constexpr std::string_view prefix = "net/netfilter/nf_conntrack_";
    const auto first = settings.lower_bound(std::string(prefix));
    return first != settings.end() && first->first.starts_with(prefix);
}

bool Facts::bridges() const {
    return std::any_of(links.begin(), links.end(),
                       [](const auto& link) { return link.second.bridge; });
}

Facts facts(const Told& told) {
    return Reader(told).read();
}

std::vector<std::string> to_ask(const Told& told) {
    std::set<std::string> commands;
    for (const Words& queue : objects(told, queue_list)) {
        const std::string name = text_at(queue, "dev");
        if (!is_name(name)) {
            continue;
        }
        if (!is_shelf(queue) && !orders_only(text_at(queue, "kind"))) {
            commands.insert(classes_of(name));
        }
        for (const std::string& place : places(queue)) {
            commands.insert(filters_at(name, place));
        }
    }
    for (const auto& [list, family] : {std::pair{rules_v4, "-4"}, {rules_v6, "-6"}}) {
        for (const Words& rule : objects(told, list)) {
            const std::string table = text_at(rule, "table");
            const bool marks = rule.contains("fwmark") || rule.contains("fwmask");
            if (marks && is_name(table) && !is_kernels_table(table)) {
                commands.insert(routes_of(family, table));
            }
        }
    }
    return {commands.begin(), commands.end()};
}

}  // namespace rehome::lbsync::outside
