// Fuzzes the reading of iptables-save's and ipset's dumps (libFuzzer, ASan, UBSan).
//
// Whatever the text, it is refused with mistakes that are a clean line each, or taken: then what is
// printed of it reads back as the same, and its meaning has a place for every rule.
#include <algorithm>

#include "lbsync/iptables/meaning.h"
#include "lbsync/iptables/print.h"
#include "lbsync/iptables/read.h"
#include "tests/fuzz/must.h"

namespace rehome::lbsync::iptables {

namespace {

void check_mistakes(const std::vector<Error>& mistakes) {
    must(!mistakes.empty());
    for (const Error& mistake : mistakes) {
        const std::string line = mistake.text();
        must(mistake.kind == Exit::usage && line.starts_with("f:") && line.size() < 20'000);
    }
}

size_t rules_in(const Save& save) {
    size_t rules = 0;
    for (const Table& table : save.tables) {
        for (const Chain& chain : table.chains) {
            rules += chain.rules.size();
        }
    }
    return rules;
}

void check_dump(const Dump& dump) {
    size_t rules = 0;
    for (const Save& save : dump.saves) {
        rules += rules_in(save);
        Dump alone{{save}, dump.sets, {}, dump.has_sets};
        const std::string text = print(alone);
        const auto again = read_dump(text, "f");
        must(again && print(*again) == text);
    }
    size_t meant = 0;
    for (const policy::Chain& chain : meaning(dump, "f").chains) {
        meant += chain.rules.size();
    }
    must(meant == rules);
}

}  // namespace

}  // namespace rehome::lbsync::iptables

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace rehome::lbsync::iptables;
    const auto family = size % 2 == 0 ? rehome::Family::v4 : rehome::Family::v6;
    const auto dump = read_dump({reinterpret_cast<const char*>(data), size}, "f", family);
    if (dump) {
        check_dump(*dump);
    } else {
        check_mistakes(dump.error());
    }
    return 0;
}
