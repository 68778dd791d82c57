#include "lbsync/mapping/words.h"

#include <algorithm>

#include <fmt/format.h>

#include "common/address.h"

namespace rehome::lbsync {

namespace {

using Word = tl::expected<std::string, std::string>;

tl::unexpected<std::string> unknown(std::string_view what, const std::string& words) {
    return tl::unexpected(
        fmt::format("object without a counterpart: {} in words that are not "
                    "understood: {}",
                    what, words));
}

bool has(std::string_view text, std::string_view part) {
    return text.find(part) != std::string_view::npos;
}

// "A", "A/LENGTH" or "A-B" as an interval.
std::optional<Interval> interval_in(std::string_view word) {
    if (const auto prefix = Prefix::parse(word)) {
        return Interval::of(*prefix);
    }
    const size_t dash = word.find('-');
    const auto first = Address::parse(word.substr(0, dash));
    const auto last = dash == word.npos ? first : Address::parse(word.substr(dash + 1));
    const bool both = first && last && first->family == last->family && *first <= *last;
    return both ? std::optional(Interval{*first, *last}) : std::nullopt;
}

// Whether it could be an address in another form: with a mask, with a port, in hexadecimal.
bool looks_like_an_address(std::string_view word, const Mapping& mapping) {
    const auto dots = std::count(word.begin(), word.end(), '.');
    const auto colons = std::count(word.begin(), word.end(), ':');
    const bool digits = word.find_first_of("0123456789") != word.npos;
    return (mapping.changes(Family::v4) && digits && dots >= 3) ||
           (mapping.changes(Family::v6) && colons >= 2 &&
            word.find_first_not_of("0123456789abcdefABCDEF:./[]") == word.npos);
}

Word map_word(std::string_view word, const Mapping& mapping, const Interfaces& interfaces) {
    if (const auto interval = interval_in(word)) {
        return mapping.map(*interval).map([&](const Interval& image) {
            return image == *interval ? std::string(word) : image.text();
        });
    }
    const std::string name(word);
    const bool named = std::any_of(interfaces.begin(), interfaces.end(), [&](const auto& pair) {
        return pair.first != pair.second &&
               (pair.first == name || pair.second == name || pair.first == port_of(name) ||
                pair.second == port_of(name));
    });
    if (named) {
        return map_interface(interfaces, name);
    }
    return looks_like_an_address(word, mapping) ? Word(unknown("an address", name)) : Word(name);
}

// What hides values in programs of its own, or marks in words of its own.
std::string hiding_place(const std::string& words, const Mapping& mapping) {
    const bool addresses = mapping.changes(Family::v4) || mapping.changes(Family::v6);
    for (const std::string_view program : {"u32 ", "bpf ", "cgroup ", "jhash", "symhash"}) {
        if (addresses && has(words, program)) {
            return "an address";
        }
    }
    const bool prefix_of_log = words.starts_with("log") || has(words, "LOG");
    for (const auto& [numbers, word] :
         {std::pair(&mapping.packet_marks(), "mark"),
          std::pair(&mapping.connection_marks(), "mark"), std::pair(&mapping.zones(), "zone"),
          std::pair(&mapping.vlans(), "vlan")}) {
        if (!prefix_of_log && numbers->changes(~uint64_t{0}) && has(words, word)) {
            return "a " + numbers->noun();
        }
    }
    return "";
}

// How much of the words from here on is what a logger writes down, which is a name and no value:
// behind "prefix".
size_t free_text(const std::string& words, size_t at) {
    constexpr std::string_view before = "prefix";
    const bool begins =
        at >= before.size() && at + 1 < words.size() &&
        std::string_view(words).substr(at - before.size(), before.size()) == before &&
        (words[at] == '=' || words[at] == ' ');
    if (!begins) {
        return 0;
    }
    const bool quoted = words[at + 1] == '"';
    const size_t end = quoted ? words.find('"', at + 2) : words.find(' ', at + 1);
    return end == words.npos ? words.size() - at : end + (quoted ? 1 : 0) - at;
}

// Sets' elements, "{A, B}", in the order of what they have become.
void sort_lists(std::string& text) {
    if (!text.starts_with("ipset ")) {
        return;
    }
    for (size_t begin = text.find('{'); begin != text.npos; begin = text.find('{', begin + 1)) {
        const size_t end = std::min(text.find('}', begin), text.size());
        std::vector<std::string> elements;
        for (size_t at = begin + 1; at < end;) {
            const size_t next = std::min(text.find(", ", at), end);
            elements.push_back(text.substr(at, next - at));
            at = next + 2;
        }
        std::sort(elements.begin(), elements.end());
        text.replace(begin + 1, end - begin - 1, fmt::format("{}", fmt::join(elements, ", ")));
    }
}

}  // namespace

tl::expected<std::string, std::string> map_words(const std::string& words, const Mapping& mapping,
                                                 const Interfaces& interfaces) {
    constexpr std::string_view between = " \t,;=()[]{}\"'@!&";
    if (const std::string what = hiding_place(words, mapping); !what.empty()) {
        return unknown(what, words);
    }
    std::string text;
    for (size_t at = 0; at < words.size();) {
        if (const size_t quoted = free_text(words, at); quoted != 0) {
            text.append(words, at, quoted);
            at += quoted;
            continue;
        }
        const size_t begin = std::min(words.find_first_not_of(between, at), words.size());
        const size_t end = std::min(words.find_first_of(between, begin), words.size());
        text.append(words, at, begin - at);
        const auto word = std::string_view(words).substr(begin, end - begin);
        // "ip saddr&255.255.255.0": a mask is no address.
        const bool is_mask = begin > 0 && words[begin - 1] == '&';
        auto image = is_mask ? Word(std::string(word)) : map_word(word, mapping, interfaces);
        if (!image) {
            return image;
        }
        text += *image;
        at = end;
    }
    sort_lists(text);
    return text;
}

}  // namespace rehome::lbsync
