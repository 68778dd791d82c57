// Whether nft's text says what the kernel runs.
//
// Text is ambiguous: nft lists `ip6 nexthdr tcp tcp dport 22` as `tcp dport 22`, which it loads as
// `meta l4proto tcp ...`, another rule.  So the text of a host, loaded into an empty namespace,
// must become what the kernel runs, rule by rule; where it does not, what was read from the text is
// not what packets meet.  What in the kernel's own telling is unknown is a doubt likewise.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "lbsync/kernel/json.h"
#include "lbsync/policy/doubt.h"

namespace rehome::lbsync::kernel {

// where: the host.  Tables of which `skipped` says so are left out.
std::vector<Doubt> doubts(const HostRead& read, const std::string& where,
                          const std::function<bool(std::string_view table)>& skipped);

// Rules of a table that its text does not become, by their handles here and there.
struct Unlike {
    const Chain* chain = nullptr;
    const Part* rule = nullptr;
    uint64_t again = 0;
};
std::vector<Unlike> unlike_rules(const Table& table, const Table& again);

}  // namespace rehome::lbsync::kernel
