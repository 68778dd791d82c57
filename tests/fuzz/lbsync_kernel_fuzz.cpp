// Fuzzes the reading of what a kernel tells over netlink, and of what a far lbsync prints of it
// (libFuzzer, ASan, UBSan): the first byte says which, and of which group the attributes are.
//
// Whatever the bytes, nothing outside of them is read; what is taken prints and reads as the same,
// and every rule has a normal form, or a refusal in words, and a meaning, or a doubt.
#include <cstring>

#include <nlohmann/json.hpp>

#include "lbsync/kernel/canonical.h"
#include "lbsync/kernel/decode.h"
#include "lbsync/kernel/flow.h"
#include "lbsync/kernel/hook_order.h"
#include "lbsync/kernel/json.h"
#include "lbsync/kernel/siteless.h"
#include "lbsync/kernel/to_policy.h"
#include "tests/fuzz/must.h"

namespace rehome::lbsync::kernel {

namespace {

void check_rules(const Ruleset& ruleset) {
    for (const Table& table : ruleset.tables) {
        const Sets sets(table);
        for (const Chain& chain : table.chains) {
            for (const Part& rule : chain.rules) {
                const auto normal = normal_form(rule.node, sets);
                must(normal || !normal.error().empty());
                if (normal) {
                    must(canonical(*normal, sets) == canonical(*normal, sets));
                    is_siteless(*normal, sets);
                }
            }
        }
    }
    const Naming naming{"h", [](std::string_view) { return false; },
                        [](const std::string&, uint64_t) { return std::string("words"); }};
    for (const Doubt& doubt : to_policy(ruleset, naming).doubts) {
        must(!doubt.what.empty());
    }
    unknown_order(ruleset, "h");
    known_order(ruleset);
}

void check_attributes(std::string_view group, std::string_view bytes) {
    // As aligned as the kernel's own.
    std::vector<uint32_t> aligned(bytes.size() / 4 + 1);
    std::memcpy(aligned.data(), bytes.data(), bytes.size());
    const auto decoded = decode(group, std::as_bytes(std::span(aligned)).first(bytes.size()));
    Ruleset ruleset;
    ruleset.tables.push_back({"inet", {}, {{{}, {{decoded.node, decoded.unknown}}}}, {}, {}, {}});
    check_rules(ruleset);
}

void check_text(std::string_view text) {
    const auto read = parse_host_read(text, "h");
    if (!read) {
        must(read.error().kind == Exit::unknown && !read.error().what.empty());
        return;
    }
    check_rules(read->ruleset);
    const auto replace = nlohmann::ordered_json::error_handler_t::replace;
    const auto again = parse_host_read(to_json(*read).dump(-1, ' ', false, replace), "h");
    must(again.has_value() && again->ruleset.tables.size() == read->ruleset.tables.size());
}

}  // namespace

}  // namespace rehome::lbsync::kernel

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size == 0) {
        return 0;
    }
    const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
    constexpr std::string_view groups[] = {"rule", "chain", "set", "elements", "table", "object"};
    if (data[0] == '{') {
        rehome::lbsync::kernel::check_text({reinterpret_cast<const char*>(data), size});
    } else {
        rehome::lbsync::kernel::check_attributes(groups[data[0] % std::size(groups)], bytes);
    }
    return 0;
}
