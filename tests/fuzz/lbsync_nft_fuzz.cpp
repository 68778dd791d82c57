// Fuzzes the reading of nft's two forms, and of what ip(8) and tc(8) say of a host (libFuzzer,
// ASan, UBSan).  The first byte says which; nft's JSON and its text stand one behind the other,
// with an empty line between them.
//
// Whatever the text, it is refused in words, or taken: then each table has a
// print, what differs from itself is nothing, and a host's facts are equal to themselves or
// doubted.
#include <nlohmann/json.hpp>

#include "lbsync/nft/print.h"
#include "lbsync/nft/read.h"
#include "lbsync/outside/compare.h"
#include "tests/fuzz/must.h"

namespace rehome::lbsync {

namespace {

void check_nft(std::string_view text) {
    const size_t cut = std::min(text.find("\n\n"), text.size());
    const auto read = read_ruleset(text.substr(0, cut), text.substr(cut), "h");
    if (!read) {
        must(read.error().kind == Exit::unknown && !read.error().what.empty());
        return;
    }
    for (const Table& table : read->ruleset.tables) {
        must(!print(table).empty());
    }
    for (const Doubt& doubt : read->doubts) {
        must(!doubt.what.empty());
    }
}

// The lines are what each command has said.
void check_outside(std::string_view text) {
    outside::Told told;
    std::vector<std::string> commands{
        std::string(outside::link_list), std::string(outside::queue_list),
        std::string(outside::rules_v4), std::string(outside::rules_v6)};
    for (size_t i = 0; i < commands.size() && i < 64; ++i) {
        const size_t end = std::min(text.find('\n'), text.size());
        told.said[commands[i]] = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (i == 3) {
            const auto more = outside::to_ask(told);
            commands.insert(commands.end(), more.begin(), more.end());
        }
    }
    const outside::Facts facts = outside::facts(told);
    const auto compared = outside::compare(facts, facts, {"a", "b", Images::same(), true});
    must(compared.differences.empty());
    for (const std::string& line : lines(compared)) {
        must(!line.empty());
    }
}

}  // namespace

}  // namespace rehome::lbsync

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    if (text.starts_with("o")) {
        rehome::lbsync::check_outside(text.substr(1));
    } else {
        rehome::lbsync::check_nft(text);
    }
    return 0;
}
