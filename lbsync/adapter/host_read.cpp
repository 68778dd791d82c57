#include "lbsync/adapter/host_read.h"

#include <algorithm>
#include <future>
#include <set>

#include <fmt/format.h>

#include "common/child.h"
#include "common/json/file.h"
#include "lbsync/adapter/netlink.h"
#include "lbsync/adapter/outside.h"
#include "lbsync/adapter/scratch.h"
#include "lbsync/adapter/tables.h"
#include "lbsync/kernel/faithful.h"
#include "lbsync/kernel/flow.h"
#include "lbsync/kernel/raw.h"
#include "lbsync/nft/print.h"
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

// In the namespace that the process is in.
bool replace_rule(const kernel::Table& table, const kernel::Chain& chain, uint64_t handle,
                  const std::string& words) {
    const std::string text = fmt::format("replace rule {} {} {} handle {} {}\n", table.family,
                                         table.name(), chain.self.node.text("name"), handle, words);
    const auto done = run({"nft", "-f", "-"}, {.input = text});
    return done && done->code == 0;
}

// The kernel's rule sets and nft's forms of one generation, asked for at once: of large sets each
// takes as long as the others.  terse: the text without elements.
Result<HostRead> read_in_one_state(std::string& terse) {
    constexpr int tries = 5;
    for (int i = 0; i < tries; ++i) {
        HostRead read;
        const auto before = kernel_generation();
        auto json = std::async(std::launch::async, nft, Argv{"-j"});
        auto text = std::async(std::launch::async, nft, Argv{"-a"});
        auto ruleset = read_kernel();
        if (!ruleset) {
            return tl::unexpected(ruleset.error());
        }
        read.ruleset = std::move(*ruleset);
        for (auto [into, said] :
             {std::pair{&read.json, json.get()}, {&read.text, text.get()}, {&terse, nft({"-t"})}}) {
            if (!said) {
                return tl::unexpected(said.error());
            }
            *into = std::move(*said);
        }
        read.iptables = read_tables();
        const auto after = kernel_generation();
        if (before && after && *before == *after && *after == read.ruleset.generation) {
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

// Rules that were loaded as others than they are, replaced by words that imply nothing.  Whether
// those became what the kernel runs is seen when all is read once more.
Result<> mend(HostRead& read) {
    auto reading = read_ruleset(read.json, read.text, "");
    if (!reading) {
        return {};  // whoever reads this will say so
    }
    for (const kernel::Table& table : read.ruleset.tables) {
        const kernel::Table* again = read.reloaded.find(table.family, table.name());
        const kernel::Sets sets(table);
        for (const kernel::Unlike& it :
             again == nullptr ? std::vector<kernel::Unlike>{} : unlike_rules(table, *again)) {
            const uint64_t handle = it.rule->node.number("handle");
            const Rule* own = find_rule(reading->ruleset, table, *it.chain, handle);
            const auto runs = normal_form(it.rule->node, sets);
            const auto raw = own == nullptr || !runs ? std::nullopt : raw_rule(*own, *runs);
            const std::string words = raw ? print(*raw, table.family) : "";
            if (raw && replace_rule(table, *it.chain, it.again, words)) {
                read.raw[raw_name(table, *it.chain, handle)] = words;
            }
        }
    }
    if (read.raw.empty()) {
        return {};
    }
    return read_kernel().map([&](kernel::Ruleset now) { read.reloaded = std::move(now); });
}

// The words of nft's language, without quotes; a brace is a word.
std::vector<std::string> words_in(std::string_view text) {
    constexpr std::string_view between = " \t\r\n\",;=!";
    std::vector<std::string> words;
    size_t at = 0;
    while ((at = text.find_first_not_of(between, at)) != text.npos) {
        const bool brace = text[at] == '{' || text[at] == '}';
        const size_t end =
            brace ? at + 1 : std::min(text.find_first_of(" \t\r\n\",;=!{}", at), text.size());
        words.emplace_back(text.substr(at, end - at));
        at = end;
    }
    return words;
}

// What stands behind iif, oif, device and devices, alone or in braces: nft wants it to be there.
std::vector<std::pair<uint32_t, std::string>> interfaces_in(std::string_view text) {
    const std::set<std::string_view> keys{"iif", "oif", "device", "devices"};
    std::set<std::string> names;
    const auto words = words_in(text);
    for (size_t i = 0; i + 1 < words.size(); ++i) {
        if (!keys.contains(words[i])) {
            continue;
        }
        const bool list = words[i + 1] == "{";
        for (i += list ? 2 : 1; i < words.size() && words[i] != "}"; ++i) {
            names.insert(words[i]);
            if (!list) {
                break;
            }
        }
    }
    std::vector<std::pair<uint32_t, std::string>> interfaces;
    uint32_t index = 1000;  // the numbers that the kernel gives itself are smaller here
    for (const std::string& name : names) {
        if (name != "lo" && name.size() < 16 && name.find_first_of("/@$<>&|():") == name.npos) {
            interfaces.emplace_back(index++, name);
        }
    }
    return interfaces;
}

// nft's first words about what it refuses.
Result<> load(const std::string& path) {
    const auto done = run({"nft", "-f", path});
    if (!done || done->timed_out) {
        return fail(Exit::world, path, done ? "nft has not ended in time" : done.error().text());
    }
    if (done->code != 0) {
        return fail(Exit::usage, path, done->err.substr(0, done->err.find('\n')));
    }
    return {};
}

}  // namespace

Result<HostRead> read_loaded(const std::string& path) {
    const auto text = read_file(path);
    if (!text) {
        return tl::unexpected(text.error());
    }
    const auto loaded = enter_scratch(interfaces_in(*text)).and_then([&] { return load(path); });
    if (!loaded) {
        return tl::unexpected(loaded.error());
    }
    std::string terse;
    return read_in_one_state(terse).map([](HostRead read) {
        read.iptables.reset();  // of this host, not of the file
        read.reloaded = read.ruleset;
        return read;
    });
}

Result<HostRead> read_this_host() {
    std::string terse;
    auto read = read_in_one_state(terse);
    if (!read) {
        return read;
    }
    read->outside = read_outside();
    const Tables tables = ours_of(terse);
    auto reloaded =
        enter_scratch(named_in(tables, read->ruleset)).and_then([&] { return reload(tables); });
    if (reloaded) {
        read->reloaded = std::move(reloaded->ruleset);
        read->not_reloaded = std::move(reloaded->failures);
        if (auto mended = mend(*read); !mended) {
            return tl::unexpected(mended.error());
        }
    } else {
        for (const auto& [title, text] : tables) {
            read->not_reloaded[title] = reloaded.error().text();
        }
    }
    return read;
}

}  // namespace rehome::lbsync
