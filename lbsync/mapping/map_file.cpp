#include "lbsync/mapping/map_file.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "common/host.h"
#include "common/json/view.h"
#include "common/sha256.h"
#include "lbsync/mapping/interfaces.h"

namespace rehome::lbsync {

namespace {

constexpr std::string_view schema =
#include "common/formats/lbsync-map.schema.inc"
    ;

Result<Interval> parse_interval(std::string_view text) {
    const size_t dash = text.find('-');
    if (dash == std::string_view::npos) {
        return Prefix::parse(text).map(Interval::of);
    }
    const auto first = Address::parse(text.substr(0, dash));
    const auto last = first ? Address::parse(text.substr(dash + 1)) : first;
    if (!last) {
        return tl::unexpected(last.error());
    }
    if (first->family != last->family || *last < *first) {
        return fail(Exit::usage, "",
                    in_quotes(text) + " ends before it begins, expected FIRST-LAST of one family");
    }
    return Interval{*first, *last};
}

WideNumber size_of(const Interval& interval) {
    return wide(mapped(interval.last)) - wide(mapped(interval.first));
}

// Refuses what stands twice in one list.
class Once {
public:
    void expect_new(const JsonView& view, const std::string& words) {
        const auto [found, is_new] = seen_.emplace(words, view.pointer());
        if (!is_new && !view.is_wrong()) {
            view.wrong(fmt::format("{} stands at {} already, expected each entry once", words,
                                   found->second));
        }
    }

private:
    std::map<std::string, std::string> seen_;
};

class Reader {
public:
    Reader(std::string path, const nlohmann::json& document, Mistakes& mistakes)
        : path_(std::move(path)), root_(document, mistakes) {}

    MapFile read() {
        file_.vips = prefixes(root_["vips"]);
        file_.old_networks = prefixes(root_["networks"]["old"]);
        file_.new_networks = prefixes(root_["networks"]["new"]);
        groups();
        ports();
        zones();
        marks();
        file_.keep = tables(root_["keep"]);
        file_.ignore = tables(root_["ignore"]);
        return std::move(file_);
    }

private:
    std::string where(const JsonView& view) const { return path_ + ": " + view.pointer(); }

    static std::vector<Prefix> prefixes(const JsonView& list) {
        std::vector<Prefix> prefixes;
        Once once;
        for (const JsonView& item : list.items()) {
            prefixes.push_back(item.parsed(Prefix::parse));
            once.expect_new(item, prefixes.back().text());
        }
        return prefixes;
    }

    void groups() {
        Once once;
        for (const JsonView& item : root_["addresses"].items()) {
            const JsonView from = item["old"];
            const JsonView to = item["new"];
            const MapFile::Group group{from.parsed(parse_interval), to.parsed(parse_interval),
                                       where(item)};
            if (item.is_wrong() || from.is_wrong() || to.is_wrong()) {
                continue;
            }
            once.expect_new(item, fmt::format("{} to {}", group.from.text(), group.to.text()));
            check(group, from, to);
            file_.groups.push_back(group);
        }
    }

    void check(const MapFile::Group& group, const JsonView& from, const JsonView& to) const {
        if (group.from.first.family != group.to.first.family ||
            size_of(group.from) != size_of(group.to)) {
            to.wrong(
                fmt::format("{} holds not as many addresses as {}, expected as many, of one "
                            "family",
                            group.to.text(), group.from.text()));
        }
        for (const Prefix& vip : file_.vips) {
            const Interval moves = Interval::of(vip);
            if ((moves.meets(group.from) || moves.meets(group.to)) && group.from != group.to) {
                from.wrong(fmt::format("{} becomes {}, but VIPs ({}) never change",
                                       group.from.text(), group.to.text(), vip.text()));
            }
        }
    }

    void ports() {
        Once once;
        for (const JsonView& item : root_["interfaces"].items()) {
            MapFile::Port port{item["old"].text(), item["new"].text(), item["host"].text(),
                               where(item)};
            if (item["host"].exists()) {
                item["host"].parsed(Host::parse);
            }
            once.expect_new(item, fmt::format("{} to {}{}{}", port.from, port.to,
                                              port.host.empty() ? "" : " of ", port.host));
            check(port, item);
            file_.ports.push_back(std::move(port));
        }
    }

    // Of the inventory's lines a VLAN and its port may share a counterpart: the port itself is
    // none of them.  Here each is named for itself.
    void check(const MapFile::Port& port, const JsonView& item) const {
        for (const MapFile::Port& other : file_.ports) {
            const bool same_host =
                port.host == other.host || port.host.empty() || other.host.empty();
            if (same_host && ((port.to == other.to && of_one_port(port.from, other.from)) ||
                              (port.from == other.from && of_one_port(port.to, other.to)))) {
                item.wrong(
                    fmt::format("{} becomes {}, and {} becomes {}, expected a port and its "
                                "VLAN to stay two",
                                other.from, other.to, port.from, port.to));
            }
        }
    }

    static bool of_one_port(const std::string& a, const std::string& b) {
        return port_of(a) == b || port_of(b) == a;
    }

    void zones() {
        constexpr uint64_t whole = 0xffff;
        Once once;
        for (const JsonView& item : root_["zones"].items()) {
            file_.zones.push_back({item["old"].number(), item["new"].number(), whole});
            once.expect_new(
                item, fmt::format("{} to {}", file_.zones.back().from, file_.zones.back().to));
        }
    }

    void marks() {
        Once once;
        for (const JsonView& item : root_["marks"].items()) {
            const std::string of = item["of"].text();
            const MapFile::Mark mark{
                {item["old"].number(), item["new"].number(), item["mask"].number(0xffffffff)},
                of != "connection",
                of != "packet"};
            once.expect_new(item, fmt::format("{:#x} to {:#x} under {:#x}{}", mark.pair.from,
                                              mark.pair.to, mark.pair.mask, of));
            check(mark, item);
            file_.marks.push_back(mark);
        }
    }

    void check(const MapFile::Mark& mark, const JsonView& item) const {
        const NumberPair& pair = mark.pair;
        if (pair.mask == 0 || ((pair.from | pair.to) & ~pair.mask) != 0) {
            item.wrong(fmt::format("{:#x} and {:#x} have bits outside of the mask {:#x}", pair.from,
                                   pair.to, pair.mask));
        }
        for (const MapFile::Mark& other : file_.marks) {
            const bool same_marks =
                (mark.packet && other.packet) || (mark.connection && other.connection);
            if (same_marks && other.pair.mask != pair.mask && (other.pair.mask & pair.mask) != 0) {
                item.wrong(
                    fmt::format("mask {:#x} has some of the bits of the mask {:#x}, "
                                "expected the same or none",
                                pair.mask, other.pair.mask));
                return;
            }
        }
    }

    std::vector<MapFile::Tables> tables(const JsonView& list) const {
        std::vector<MapFile::Tables> all;
        Once once;
        for (const JsonView& item : list.items()) {
            const std::string title = item["table"].text();
            const size_t blank = std::min(title.find(' '), title.size());
            once.expect_new(item, title);
            all.push_back({title.substr(0, blank), title.substr(std::min(blank + 1, title.size())),
                           item["reason"].text(), where(item)});
        }
        return all;
    }

    std::string path_;
    JsonView root_;
    MapFile file_;
};

}  // namespace

MapFile MapFile::reversed() const {
    MapFile turned = *this;
    turned.back = !back;
    std::swap(turned.old_networks, turned.new_networks);
    for (Group& group : turned.groups) {
        std::swap(group.from, group.to);
    }
    for (Port& port : turned.ports) {
        std::swap(port.from, port.to);
    }
    for (NumberPair& zone : turned.zones) {
        std::swap(zone.from, zone.to);
    }
    for (Mark& mark : turned.marks) {
        std::swap(mark.pair.from, mark.pair.to);
    }
    return turned;
}

Checked<MapFile> parse_map_file(std::string_view path, std::string_view text) {
    Mistakes mistakes{std::string(path)};
    const auto document = parse_json(mistakes, text, schema);
    MapFile file;
    if (document) {
        file = Reader(std::string(path), *document, mistakes).read();
    }
    if (!mistakes.none()) {
        return tl::unexpected(mistakes.take());
    }
    file.digest = sha256(text);
    return file;
}

}  // namespace rehome::lbsync
