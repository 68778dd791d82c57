#include "lbsync/adapter/scratch.h"

#include <sched.h>

#include <algorithm>

#include <cerrno>
#include <cstring>

#include <fmt/format.h>

#include "common/child.h"
#include "lbsync/adapter/netlink.h"

namespace rehome::lbsync {

namespace {

std::string first_line(const std::string& text) {
    return text.substr(0, text.find('\n'));
}

// A veth, as every kernel with namespaces has it; its other end stays unused.
Result<> add_interface(uint32_t index, const std::string& name) {
    constexpr uint32_t beyond = 1'000'000'000;
    Argv argv{"ip", "link", "add", "name", name};
    if (index != 0) {
        argv.insert(argv.end(), {"index", std::to_string(index)});
    }
    argv.insert(argv.end(), {"type", "veth", "peer", "name"});
    argv.push_back(fmt::format("peer-{}", beyond + index));
    const auto done = run(argv);
    if (!done || done->code != 0) {
        return fail(Exit::unknown, "interface " + in_quotes(name),
                    done ? first_line(done->err) : done.error().text());
    }
    return {};
}

}  // namespace

Result<> enter_scratch(const std::vector<std::pair<uint32_t, std::string>>& interfaces) {
    if (unshare(CLONE_NEWNET) != 0) {
        return fail(Exit::unknown, "a namespace to load it in", std::strerror(errno));
    }
    for (const auto& [index, name] : interfaces) {
        if (auto done = add_interface(index, name); name != "lo" && !done) {
            return done;
        }
    }
    return {};
}

std::vector<std::pair<std::string, std::string>> split_tables(std::string_view text) {
    constexpr std::string_view opening = "table ";
    std::vector<std::pair<std::string, std::string>> tables;
    while (!text.empty()) {
        const size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
        const std::string_view line = text.substr(0, end);
        if (line.starts_with(opening)) {
            const std::string_view head = line.substr(opening.size());
            tables.emplace_back(head.substr(0, head.find(" {")), "");
        }
        if (!tables.empty()) {
            tables.back().second += line;
        }
        text.remove_prefix(end);
    }
    return tables;
}

Result<Reloaded> reload(const std::vector<std::pair<std::string, std::string>>& tables) {
    Reloaded reloaded;
    for (const auto& [title, text] : tables) {
        const auto done = run({"nft", "-f", "-"}, {.input = text});
        if (!done || done->timed_out || done->code != 0) {
            reloaded.failures[title] = done ? first_line(done->err) : done.error().text();
        }
    }
    auto ruleset = read_kernel();
    if (!ruleset) {
        return tl::unexpected(ruleset.error());
    }
    reloaded.ruleset = std::move(*ruleset);
    return reloaded;
}

}  // namespace rehome::lbsync
