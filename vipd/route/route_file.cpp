#include "vipd/route/route_file.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include <nlohmann/json.hpp>

namespace rehome::vipd {

namespace {

using nlohmann::json;

class Reader {
public:
    Reader(std::string_view file, const std::vector<std::string>& ports)
        : file_(file), ports_(ports) {}

    void list(const json& entries, size_t number) {
        // "default" does not say its family: that of the list's other routes does.
        Family family = Family::v4;
        for (const auto& entry : entries) {
            if (text(entry, "dst").find(':') != std::string::npos ||
                text(entry, "gateway").find(':') != std::string::npos) {
                family = Family::v6;
            }
        }
        for (size_t i = 0; i < entries.size(); ++i) {
            where_ = fmt::format("{}: /{}/{}", file_, number, i);
            const json& entry = entries[i];
            if (!entry.is_object() || !entry.contains("dst")) {
                wrong("expected an object with \"dst\", as ip -json prints routes and neighbours");
            } else if (entry.contains("state")) {
                neighbour(entry);
            } else {
                route(entry, family);
            }
        }
    }

    void wrong(std::string what) { errors_.push_back({Exit::usage, where_, std::move(what)}); }

    RouteFile result;
    std::vector<Error> errors_;
    std::string where_;

private:
    static std::string text(const json& entry, const char* key) {
        const auto found = entry.is_object() ? entry.find(key) : entry.end();
        return entry.is_object() && found != entry.end() && found->is_string()
                   ? found->get<std::string>()
                   : "";
    }

    // Where an entry's "dev" is; that of the VLAN 20 of port red is red.20.
    struct Place {
        PortIndex port = 0;
        uint16_t vlan = 0;
    };

    std::optional<Place> place(const json& entry) const {
        const std::string dev = text(entry, "dev");
        for (size_t i = 0; i < ports_.size(); ++i) {
            const std::string& port = ports_[i];
            if (dev == port) {
                return Place{static_cast<PortIndex>(i), 0};
            }
            uint16_t vlan = 0;
            if (dev.starts_with(port + ".") &&
                std::from_chars(&dev[port.size() + 1], dev.data() + dev.size(), vlan).ptr ==
                    dev.data() + dev.size()) {
                return Place{static_cast<PortIndex>(i), vlan};
            }
        }
        return std::nullopt;
    }

    std::optional<Address> gateway(const json& entry) {
        std::string gateway = text(entry, "gateway");
        if (const auto via = entry.find("via"); via != entry.end() && via->is_object()) {
            gateway = text(*via, "host");  // of another family
        }
        if (gateway.empty()) {
            return std::nullopt;
        }
        const auto address = Address::parse(gateway);
        if (!address) {
            wrong(address.error().what);
            return std::nullopt;
        }
        return *address;
    }

    void route(const json& entry, Family family) {
        const std::string dst = text(entry, "dst");
        const auto prefix = dst != "default"       ? Prefix::parse(dst)
                            : family == Family::v6 ? Prefix::parse("::/0")
                                                   : Prefix::parse("0.0.0.0/0");
        if (!prefix) {
            wrong(prefix.error().what);
            return;
        }
        const json metric = entry.value("metric", json(0U));
        if (!metric.is_number_unsigned() || metric > UINT32_MAX) {
            wrong("/metric is no number");
            return;
        }
        const std::string type = entry.contains("type") ? text(entry, "type") : "unicast";
        const json hops = entry.value("nexthops", json::array());
        const json& hop = hops.is_array() && !hops.empty() && hops[0].is_object() ? hops[0] : entry;
        Via via;
        if (type == "unicast") {
            const auto at = place(hop);
            via.port = at ? std::optional(at->port) : std::nullopt;
            via.gateway = gateway(hop);
            via.vlan = at ? at->vlan : uint16_t{0};
        }
        result.routes.set({*prefix, metric.get<uint32_t>()}, via);
    }

    void neighbour(const json& entry) {
        const auto address = Address::parse(text(entry, "dst"));
        if (!address) {
            wrong(address.error().what);
            return;
        }
        const auto at = place(entry);
        const std::string lladdr = text(entry, "lladdr");
        if (!at || lladdr.empty()) {
            return;  // on another interface, or not resolved
        }
        Neighbour neighbour{{}, true};
        if (!parse_mac(lladdr, neighbour.mac)) {
            wrong(in_quotes(lladdr) + " is no address such as 02:00:00:00:00:01");
            return;
        }
        result.neighbours.set({at->port, *address, at->vlan}, neighbour);
    }

    static bool parse_mac(std::string_view text, Mac& mac) {
        if (text.size() != 17) {
            return false;
        }
        for (size_t i = 0; i < 6; ++i) {
            const char* at = text.data() + i * 3;
            const auto [end, error] = std::from_chars(at, at + 2, mac[i], 16);
            if (error != std::errc() || end != at + 2 || (i < 5 && at[2] != ':')) {
                return false;
            }
        }
        return true;
    }

    std::string file_;
    const std::vector<std::string>& ports_;
};

// The JSON lists of a text, as pieces: brackets are counted outside strings.
std::vector<std::string_view> pieces(std::string_view text) {
    std::vector<std::string_view> found;
    size_t start = 0;
    int depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (quoted) {
            i += c == '\\' ? 1 : 0;
            quoted = c != '"';
            continue;
        }
        quoted = c == '"';
        depth += c == '[' || c == '{' ? 1 : c == ']' || c == '}' ? -1 : 0;
        if (depth == 0 && (c == ']' || c == '}')) {
            found.push_back(text.substr(start, i + 1 - start));
            start = i + 1;
        }
    }
    if (text.find_first_not_of(" \t\r\n", start) != std::string_view::npos) {
        found.push_back(text.substr(start));
    }
    return found;
}

}  // namespace

Checked<RouteFile> parse_route_file(std::string_view file, std::string_view text,
                                    const std::vector<std::string>& ports) {
    Reader reader(file, ports);
    size_t number = 0;
    for (const auto piece : pieces(text)) {
        const json list = json::parse(piece, nullptr, false);
        reader.where_ = fmt::format("{}: /{}", file, number);
        if (!list.is_array()) {
            reader.wrong("expected a JSON list, as ip -json prints");
        } else {
            reader.list(list, number);
        }
        ++number;
    }
    if (!reader.errors_.empty()) {
        return tl::unexpected(reader.errors_);
    }
    return std::move(reader.result);
}

}  // namespace rehome::vipd
