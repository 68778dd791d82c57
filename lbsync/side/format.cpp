#include "lbsync/side/format.h"

#include <algorithm>
#include <array>

namespace rehome::lbsync::side {

namespace {

constexpr std::array names{std::string_view("iptables-save"), std::string_view("ip6tables-save"),
                           std::string_view("ipvsadm"), std::string_view("keepalived"),
                           std::string_view("nft")};

bool is_in(std::string_view word, std::initializer_list<std::string_view> words) {
    return std::find(words.begin(), words.end(), word) != words.end();
}

// The words before the next blank.
std::string_view first_word(std::string_view& line) {
    const size_t begin = std::min(line.find_first_not_of(" \t\r"), line.size());
    const size_t end = std::min(line.find_first_of(" \t\r", begin), line.size());
    const std::string_view word = line.substr(begin, end - begin);
    line.remove_prefix(end);
    return word;
}

// What the line is of; nothing: it does not tell.
std::optional<Format> recognise_line(std::string_view line) {
    const std::string_view first = first_word(line);
    const std::string_view second = first_word(line);
    if (first == "#" && second == "Generated") {
        return Format::iptables;
    }
    if (is_in(first, {"*filter", "*nat", "*mangle", "*raw", "*security", "create"})) {
        return Format::iptables;
    }
    if (is_in(first, {"-A", "-a"}) && is_in(second, {"-t", "-u", "-f", "--sctp-service"})) {
        return Format::ipvsadm;
    }
    if (is_in(first, {"table", "flush", "add", "delete", "destroy"}) &&
        is_in(second, {"ruleset", "table", "ip", "ip6", "inet", "arp", "bridge", "netdev"})) {
        return Format::nft;
    }
    if (first.starts_with("#!") && first.ends_with("nft")) {
        return Format::nft;
    }
    if (is_in(first,
              {"global_defs", "virtual_server", "virtual_server_group", "vrrp_instance",
               "vrrp_script", "vrrp_sync_group", "include", "static_ipaddress", "static_routes"})) {
        return Format::keepalived;
    }
    return {};
}

bool is_comment(std::string_view line) {
    const std::string_view word = first_word(line);
    return word.empty() || word.starts_with("#") || word.starts_with("!");
}

}  // namespace

std::string_view name(Format format) {
    return names[static_cast<size_t>(format)];
}

std::optional<Format> format_of(std::string_view name) {
    const auto found = std::find(names.begin(), names.end(), name);
    return found == names.end() ? std::nullopt
                                : std::optional(static_cast<Format>(found - names.begin()));
}

std::string format_names() {
    std::string all;
    for (const std::string_view one : names) {
        all += (all.empty() ? "" : ", ") + std::string(one);
    }
    return all;
}

std::optional<Format> recognise(std::string_view text) {
    while (!text.empty()) {
        const size_t end = std::min(text.find('\n'), text.size());
        const std::string_view line = text.substr(0, end);
        if (const auto format = recognise_line(line); format || !is_comment(line)) {
            return format;
        }
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return {};
}

}  // namespace rehome::lbsync::side
