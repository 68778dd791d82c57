#include "lbsync/adapter/host_read.h"

#include <algorithm>

#include <fmt/format.h>

#include "common/child.h"
#include "lbsync/adapter/netlink.h"
#include "lbsync/adapter/scratch.h"
#include "lbsync/nft/read.h"

namespace rehome::lbsync {

namespace {

using kernel::HostRead;
using Tables = std::vector<std::pair<std::string, std::string>>;

Result<std::string> nft(const Argv& options) {
    Argv argv{"nft", "-s"};
    argv.insert(argv.end(), options.begin(), options.end());
    argv.insert(argv.end(), {"list", "ruleset"});
    auto done = run(argv);
    if (!done || done->timed_out || done->code != 0) {
        return fail(Exit::world, printable(argv),
                    !done             ? done.error().text()
                    : done->timed_out ? "has not ended in time"
                                      : done->err.substr(0, done->err.find('\n')));
    }
    return std::move(done->out);
}

// The kernel's rule sets and nft's forms of one generation.  terse: the text without elements.
Result<HostRead> read_in_one_state(std::string& terse) {
    constexpr int tries = 5;
    for (int i = 0; i < tries; ++i) {
        HostRead read;
        auto ruleset = read_kernel();
        if (!ruleset) {
            return tl::unexpected(ruleset.error());
        }
        read.ruleset = std::move(*ruleset);
        for (auto [into, options] :
             {std::pair{&read.json, Argv{"-j"}}, {&read.text, Argv{"-a"}}, {&terse, Argv{"-t"}}}) {
            auto said = nft(options);
            if (!said) {
                return tl::unexpected(said.error());
            }
            *into = std::move(*said);
        }
        const auto after = kernel_generation();
        if (after && *after == read.ruleset.generation) {
            return read;
        }
    }
    return fail(Exit::world, "nft list ruleset", "the rule set changes faster than it can be read");
}

Tables ours_of(const std::string& terse) {
    Tables tables = split_tables(terse);
    std::erase_if(tables, [](const auto& table) {
        return belongs_to_others(table.first.substr(table.first.find(' ') + 1));
    });
    return tables;
}

// Those whose names stand in the text in quotes, as nft prints every interface.
std::vector<std::pair<uint32_t, std::string>> named_in(const Tables& tables,
                                                       const kernel::Ruleset& ruleset) {
    std::vector<std::pair<uint32_t, std::string>> named;
    for (const auto& [index, name] : ruleset.interfaces) {
        const std::string quoted = "\"" + name + "\"";
        if (std::any_of(tables.begin(), tables.end(), [&](const auto& table) {
                return table.second.find(quoted) != std::string::npos;
            })) {
            named.emplace_back(index, name);
        }
    }
    return named;
}

}  // namespace

Result<HostRead> read_this_host() {
    std::string terse;
    auto read = read_in_one_state(terse);
    if (!read) {
        return read;
    }
    const Tables tables = ours_of(terse);
    auto reloaded =
        enter_scratch(named_in(tables, read->ruleset)).and_then([&] { return reload(tables); });
    if (reloaded) {
        read->reloaded = std::move(reloaded->ruleset);
        read->not_reloaded = std::move(reloaded->failures);
    } else {
        for (const auto& [title, text] : tables) {
            read->not_reloaded[title] = reloaded.error().text();
        }
    }
    return read;
}

}  // namespace rehome::lbsync
