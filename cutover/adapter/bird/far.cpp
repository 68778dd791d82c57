#include "cutover/adapter/bird/far.h"

#include <algorithm>
#include <chrono>

#include "common/far_program.h"

namespace rehome::cutover {

namespace {

// Prefixes in one question: BIRD takes lines of 4,096 bytes.
constexpr size_t most_at_once = 32;

Result<std::vector<Prefix>> ask(const FarBird& far, const std::string& session,
                                const std::string& set) {
    const auto host = Host::parse(far.host);
    if (!host) {
        return tl::unexpected(host.error());
    }
    RunOptions options;
    options.timeout = std::chrono::seconds(10);
    const auto printed =
        output_of(*host,
                  {"birdc", "-r", "-v", "-s", far.socket,
                   "show route protocol " + session + " where net ~ [ " + set + " ]"},
                  options);
    return printed ? prefixes_in(*printed) : tl::unexpected(printed.error());
}

// "198.51.100.0/24+, 203.0.113.0/24+": these and what lies inside of them, of one family.
std::vector<std::string> sets_of(const std::vector<Prefix>& prefixes, Family family) {
    std::vector<std::string> sets;
    size_t in_last = most_at_once;
    for (const Prefix& prefix : prefixes) {
        if (prefix.address.family != family) {
            continue;
        }
        if (in_last == most_at_once) {
            sets.emplace_back();
            in_last = 0;
        }
        sets.back() += (in_last++ == 0 ? "" : ", ") + prefix.text() + "+";
    }
    return sets;
}

}  // namespace

FarView look_at_far(const FarBird& far, const std::vector<Prefix>& prefixes) {
    auto sets = sets_of(prefixes, Family::v4);
    const auto others = sets_of(prefixes, Family::v6);
    sets.insert(sets.end(), others.begin(), others.end());
    FarView view;
    for (const std::string& session : far.sessions) {
        for (const std::string& set : sets) {
            const auto held = ask(far, session, set);
            if (!held) {
                view.failure = held.error().text();
                return view;
            }
            view.held.insert(view.held.end(), held->begin(), held->end());
        }
    }
    return view;
}

}  // namespace rehome::cutover
