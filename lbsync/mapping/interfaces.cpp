#include "lbsync/mapping/interfaces.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

namespace rehome::lbsync {

namespace {

tl::unexpected<std::string> no_counterpart(const std::string& name, const std::string& why) {
    return tl::unexpected(fmt::format("object without a counterpart: interface {}, {}", name, why));
}

// The one counterpart of a name that has some, if it is the counterpart of nothing else but a
// VLAN's own port.
tl::expected<std::string, std::string> only_counterpart(const Interfaces& interfaces,
                                                        const std::string& name) {
    const auto [begin, end] = interfaces.equal_range(name);
    const std::string& image = begin->second;
    if (std::next(begin) != end) {
        return no_counterpart(name, fmt::format("which becomes both {} and {}: a rule cannot tell "
                                                "which is meant",
                                                image, std::next(begin)->second));
    }
    for (const auto& [from, to] : interfaces) {
        if (to == image && from != name && from != port_of(name)) {
            return no_counterpart(
                name, fmt::format("which becomes {} as {} does: a rule can no longer tell them "
                                  "apart",
                                  image, from));
        }
    }
    return image;
}

// What goes with its port, unless another one has that name of its own.
tl::expected<std::string, std::string> vlan_counterpart(const Interfaces& interfaces,
                                                        const std::string& name,
                                                        std::string image) {
    const auto taken = std::find_if(interfaces.begin(), interfaces.end(),
                                    [&](const auto& pair) { return pair.second == image; });
    if (taken != interfaces.end()) {
        return no_counterpart(name, fmt::format("which becomes {} as {} does: a rule can no longer "
                                                "tell them apart",
                                                image, taken->first));
    }
    return image;
}

bool all_digits(std::string_view text) {
    return text.find_first_not_of("0123456789") == text.npos;
}

// "PORT.", and "PORT.1" for all VLANs that begin so, before the "*": they go with their port, but
// for those that have names of their own.
tl::expected<std::string, std::string> map_vlans(const Interfaces& interfaces,
                                                 const std::string& start, size_t dot) {
    const std::string port = start.substr(0, dot);
    const std::string rest = start.substr(dot);
    return only_counterpart(interfaces, port).and_then([&](const std::string& image) {
        for (const auto& [from, to] : interfaces) {
            const bool taken = from.starts_with(start) || to.starts_with(image + rest);
            if (taken && (port_of(from) != port || to != image + from.substr(port.size()))) {
                return tl::expected<std::string, std::string>(
                    no_counterpart(start + "*", fmt::format("where {} becomes {}", from, to)));
            }
        }
        return tl::expected<std::string, std::string>(image + rest + "*");
    });
}

}  // namespace

void add_once(Interfaces& interfaces, const std::string& from, const std::string& to) {
    const auto [begin, end] = interfaces.equal_range(from);
    if (std::none_of(begin, end, [&](const auto& pair) { return pair.second == to; })) {
        interfaces.emplace(from, to);
    }
}

std::string port_of(const std::string& name) {
    return vlan_of(name) == 0 ? "" : name.substr(0, name.rfind('.'));
}

unsigned vlan_of(const std::string& name) {
    const size_t dot = name.rfind('.');
    unsigned vlan = 0;
    if (dot == std::string::npos) {
        return 0;
    }
    const char* const end = name.data() + name.size();
    const auto read = std::from_chars(name.data() + dot + 1, end, vlan);
    return read.ec == std::errc() && read.ptr == end ? vlan : 0;
}

tl::expected<std::string, std::string> map_interface(const Interfaces& interfaces,
                                                     const std::string& name) {
    if (interfaces.contains(name)) {
        return only_counterpart(interfaces, name);
    }
    if (const std::string port = port_of(name); interfaces.contains(port)) {
        return only_counterpart(interfaces, port).and_then([&](const std::string& image) {
            return vlan_counterpart(interfaces, name, image + name.substr(port.size()));
        });
    }
    const bool wildcard = name.ends_with('*') && !name.ends_with("\\*");
    const std::string_view start = std::string_view(name).substr(0, name.size() - wildcard);
    const size_t dot = wildcard ? start.rfind('.') : start.npos;
    const bool of_port = dot != start.npos && all_digits(start.substr(dot + 1));
    if (of_port && interfaces.contains(std::string(start.substr(0, dot)))) {
        return map_vlans(interfaces, std::string(start), dot);
    }
    for (const auto& [from, to] : interfaces) {
        const bool renamed = from != to;
        if (renamed && ((wildcard && (from.starts_with(start) != to.starts_with(start))) ||
                        (of_port && to == start.substr(0, dot)) ||
                        (!wildcard && (to == name || to == port_of(name))))) {
            return no_counterpart(name, fmt::format("where port {} becomes {}", from, to));
        }
    }
    return name;
}

}  // namespace rehome::lbsync
