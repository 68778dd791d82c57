// read: what lbsync runs on a far host to see what its kernel runs.
#include <cstdio>

#include <nlohmann/json.hpp>

#include "lbsync/adapter/host_read.h"
#include "lbsync/command/commands.h"

namespace rehome::lbsync {

namespace {

Result<Exit> read(const Given& given) {
    const auto found =
        given.has("nft-file") ? read_loaded(given.text("nft-file")) : read_this_host();
    return found.map([](const kernel::HostRead& read) {
        // Names and comments are the operators' own bytes, whatever their encoding.
        const auto replace = nlohmann::ordered_json::error_handler_t::replace;
        const std::string text = kernel::to_json(read).dump(-1, ' ', false, replace);
        std::fwrite(text.data(), 1, text.size(), stdout);
        std::fputc('\n', stdout);
        return Exit::yes;
    });
}

}  // namespace

Command read_command() {
    return {
        "read",
        "print the rule sets that this host's kernel runs (used on far hosts)",
        R"(By expressions, with what nft prints and what nft makes of it again.  Changes nothing.

  lbsync read --json | jq '.tables[].chains[].rules[]')",
        {Option::flag("json", "the only form there is"),
         Option::text("nft-file", "rules to be loaded into an empty host and read from there")},
        read};
}

}  // namespace rehome::lbsync
