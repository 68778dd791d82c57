#include "lbsync/plan/difference.h"

#include <algorithm>

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "lbsync/nft/members.h"
#include "lbsync/plan/line_diff.h"

namespace rehome::lbsync {

namespace {

using Kind = Change::Kind;
using Lines = std::vector<std::string>;

Lines all_lines(const Member& member) {
    Lines lines = member.properties;
    lines.insert(lines.end(), member.lines.begin(), member.lines.end());
    return lines;
}

// Two lists of things with a name each, one list before and one after.
template <typename Thing, typename Find, typename Tell>
void compare(const std::vector<Thing>& current, const std::vector<Thing>& wanted, Find find_in,
             Tell tell) {
    for (const Thing& thing : current) {
        if (find_in(wanted, thing) == nullptr) {
            tell(Kind::remove, &thing, nullptr);
        }
    }
    for (const Thing& thing : wanted) {
        const Thing* before = find_in(current, thing);
        tell(before == nullptr ? Kind::add : Kind::change, before, &thing);
    }
}

class RulesetDifference {
public:
    explicit RulesetDifference(std::string host) : host_(std::move(host)) {}

    void table(Kind kind, const Table* before, const Table* after) {
        const std::string title = (after != nullptr ? after : before)->title();
        const Lines none;
        tell(kind, title, before != nullptr ? before->properties : none,
             after != nullptr ? after->properties : none);
        compare(
            before != nullptr ? members(*before) : std::vector<Member>{},
            after != nullptr ? members(*after) : std::vector<Member>{},
            [](const auto& list, const Member& like) { return find(list, like); },
            [&](Kind part, const Member* old_one, const Member* new_one) {
                member(part, title, old_one, new_one);
            });
    }

    std::vector<Change> take() { return std::move(changes_); }

private:
    // A chain's rules are told with their place, as their order is policy.
    void member(Kind kind, const std::string& table, const Member* before, const Member* after) {
        const Member& one = after != nullptr ? *after : *before;
        const std::string title = table + " " + one.title();
        if (kind == Kind::change && one.kind != "chain") {
            Lines lines = line_diff(before->properties, after->properties);
            const Lines elements = unordered_diff(before->lines, after->lines);
            lines.insert(lines.end(), elements.begin(), elements.end());
            tell(kind, title, std::move(lines));
            return;
        }
        if (kind != Kind::change) {
            const Lines none;
            tell(kind, title, before != nullptr ? all_lines(*before) : none,
                 after != nullptr ? all_lines(*after) : none);
            return;
        }
        Lines lines = line_diff(before->properties, after->properties);
        const Lines rules = diff_in_place(before->lines, after->lines, "rule");
        lines.insert(lines.end(), rules.begin(), rules.end());
        tell(kind, title, std::move(lines));
    }

    void tell(Kind kind, std::string object, const Lines& before, const Lines& after) {
        tell(kind, std::move(object), line_diff(before, after));
    }

    void tell(Kind kind, std::string object, Lines lines) {
        if (kind != Kind::change || !lines.empty()) {
            changes_.push_back({host_, std::move(object), kind, std::move(lines)});
        }
    }

    std::string host_;
    std::vector<Change> changes_;
};

// A thing with a unique name, as lines.
struct Named {
    std::string name;
    Lines lines;
};

std::string server_line(const vipd::ServerConfig& server) {
    return fmt::format("server {} {} weight {}{}", server.name,
                       server.port == 0 ? server.address.text() : server.endpoint().text(),
                       server.weight, server.masked ? " masked" : "");
}

std::vector<Named> services_of(const Offer& offer) {
    std::vector<Named> all;
    for (const vipd::ServiceConfig& service : offer.services) {
        std::string line = fmt::format("{} {} port {} forward {}", service.vip.text(),
                                       name(service.protocol), service.port, name(service.forward));
        if (service.forward == vipd::Forward::tunnel) {
            line += fmt::format(" {}", name(service.encapsulation));
        }
        if (service.pool) {
            line += " source_nat " + offer.pools[*service.pool].name;
        }
        Lines lines{line};
        for (const vipd::ServerConfig& server : service.servers) {
            lines.push_back(server_line(server));
        }
        std::sort(lines.begin() + 1, lines.end());
        if (service.health) {
            lines.push_back("health " + to_json(*service.health).dump());
        }
        all.push_back({service.name, std::move(lines)});
    }
    return all;
}

std::vector<Named> maps_of(const Offer& offer) {
    std::vector<Named> all;
    for (const vipd::MapConfig& map : offer.maps) {
        all.push_back({map.name, {map.vip.text() + " to " + map.server.text()}});
    }
    return all;
}

// Rules stand in their order, which decides.
std::vector<Named> access_of(const Offer& offer) {
    if (offer.access.digest() == 0) {
        return {};
    }
    Lines lines;
    for (const auto& [key, value] : offer.access.rules->document->items()) {
        for (const auto& one : value.is_array() ? value : nlohmann::json::array({value})) {
            lines.push_back(key + " " + one.dump());
        }
    }
    return {{"rules, limits and admission", lines}};
}

void compare_named(const std::vector<Named>& current, const std::vector<Named>& wanted,
                   const std::string& host, const std::string& kind_of_thing,
                   std::vector<Change>& changes) {
    compare(
        current, wanted,
        [](const auto& things, const Named& like) -> const Named* {
            const auto found = std::find_if(things.begin(), things.end(),
                                            [&](const Named& it) { return it.name == like.name; });
            return found == things.end() ? nullptr : &*found;
        },
        [&](Kind kind, const Named* before, const Named* after) {
            Lines lines = line_diff(before != nullptr ? before->lines : Lines{},
                                    after != nullptr ? after->lines : Lines{});
            if (!lines.empty()) {
                changes.push_back({host,
                                   kind_of_thing + " " + (after != nullptr ? after : before)->name,
                                   kind, std::move(lines)});
            }
        });
}

}  // namespace

std::string_view name(Change::Kind kind) {
    return kind == Kind::add ? "add" : kind == Kind::remove ? "remove" : "change";
}

std::vector<Change> differences(const Ruleset& current, const Ruleset& wanted,
                                const std::string& host) {
    RulesetDifference difference(host);
    compare(
        current.tables, wanted.tables,
        [](const auto& tables, const Table& like) { return find(tables, like); },
        [&](Kind kind, const Table* before, const Table* after) {
            difference.table(kind, before, after);
        });
    return difference.take();
}

std::vector<Change> differences(const std::vector<iptables::Piece>& current,
                                const std::vector<iptables::Piece>& wanted,
                                const std::string& host) {
    std::vector<Change> changes;
    compare(
        current, wanted,
        [](const auto& list, const iptables::Piece& like) {
            return iptables::find(list, like.kind, like.name);
        },
        [&](Kind kind, const iptables::Piece* before, const iptables::Piece* after) {
            const Lines none;
            const Lines& from = before != nullptr ? before->lines : none;
            const Lines& to = after != nullptr ? after->lines : none;
            Lines lines =
                kind == Kind::change ? diff_in_place(from, to, "line") : line_diff(from, to);
            if (!lines.empty()) {
                changes.push_back(
                    {host, (after != nullptr ? after : before)->title(), kind, std::move(lines)});
            }
        });
    return changes;
}

std::vector<Change> differences(const Offer& current, const Offer& wanted,
                                const std::string& host) {
    std::vector<Change> changes;
    compare_named(services_of(current), services_of(wanted), host, "service", changes);
    compare_named(maps_of(current), maps_of(wanted), host, "map", changes);
    compare_named(access_of(current), access_of(wanted), host, "access", changes);
    return changes;
}

}  // namespace rehome::lbsync
