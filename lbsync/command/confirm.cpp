// confirm: what an apply with --confirm has done stays, and is there after a boot too.
#include <algorithm>
#include <cstdio>

#include <fmt/format.h>

#include "common/inventory.h"
#include "lbsync/adapter/at_once.h"
#include "lbsync/adapter/remote.h"
#include "lbsync/command/commands.h"
#include "lbsync/command/session.h"
#include "lbsync/plan/pairs.h"

namespace rehome::lbsync {

namespace {

constexpr unsigned at_once = 32;

// A target, what stands there, and what became of it.
struct Target {
    std::string host;
    Result<Standing> standing{};
    Result<> confirmed{};
};

Checked<std::vector<Target>> targets_of(const Given& given) {
    const std::string path = given.text("inventory");
    const auto inventory = expect_move(path, read_inventory(path));
    if (!inventory) {
        return tl::unexpected(inventory.error());
    }
    const auto move = choose_move(*inventory, given.text("from"), given.text("to"));
    if (!move) {
        return tl::unexpected(move.error());
    }
    return make_pairs(*inventory, *move).map([](const Pairs& pairs) {
        std::vector<Target> targets;
        targets.reserve(pairs.hosts.size());
        for (const HostPair& pair : pairs.hosts) {
            targets.push_back({pair.to});
        }
        return targets;
    });
}

void ask(std::vector<Target>& targets) {
    std::vector<Task> tasks;
    tasks.reserve(targets.size());
    for (Target& target : targets) {
        tasks.emplace_back([&target] {
            target.standing = Remote::to(target.host).and_then([](const Remote& remote) {
                return remote.standing();
            });
        });
    }
    run_at_once(tasks, at_once, "asking");
}

void confirm_all(std::vector<Target>& targets) {
    std::vector<Task> tasks;
    for (Target& target : targets) {
        if (target.standing->armed) {
            tasks.emplace_back([&target] {
                target.confirmed = Remote::to(target.host).and_then([&](const Remote& remote) {
                    return remote.confirm(target.standing->armed->id);
                });
            });
        }
    }
    run_at_once(tasks, at_once, "confirming");
}

Exit tell(const std::vector<Target>& targets) {
    Exit exit = Exit::yes;
    for (const Target& target : targets) {
        if (!target.standing->armed) {
            continue;
        }
        if (target.confirmed) {
            std::printf("confirmed: %s\n", target.host.c_str());
            continue;
        }
        const Error& error = target.confirmed.error();
        std::fprintf(stderr, "not confirmed: %s: %s\n", target.host.c_str(),
                     in_one_line(error.text()).c_str());
        exit = error.kind == Exit::no && exit != Exit::world ? Exit::no : Exit::world;
    }
    return exit;
}

// Of an apply of which a target has put itself back the others do not stay either.
Result<> expect_whole(const std::vector<Target>& targets) {
    const auto waits = [&](const std::string& id) {
        return std::any_of(targets.begin(), targets.end(), [&](const Target& target) {
            return target.standing->armed && target.standing->armed->id == id;
        });
    };
    for (const Target& target : targets) {
        const auto& undone = target.standing->undone;
        if (undone && waits(undone->id)) {
            return fail(Exit::no, target.host,
                        fmt::format("was put back at {}, as nobody had confirmed it; nothing is "
                                    "confirmed: the others will put themselves back too, or now "
                                    "by `lbsync undo`",
                                    undone->at));
        }
    }
    return {};
}

// What waits, for --dry-run.
Exit show_waiting(const std::vector<Target>& targets) {
    for (const Target& target : targets) {
        if (const auto& armed = target.standing->armed) {
            std::printf("%s: is unconfirmed until %s (%s)%s\n", target.host.c_str(),
                        armed->until.c_str(), armed->by.c_str(),
                        target.standing->waits ? "" : "; nobody is there who would undo it");
        }
    }
    return Exit::no;
}

// Nothing waits: it may have been confirmed, undone by time, or never been armed.
Exit nothing_waits(const std::vector<Target>& targets) {
    Exit exit = Exit::yes;
    for (const Target& target : targets) {
        if (const auto& undone = target.standing->undone) {
            std::fprintf(stderr, "%s: was put back at %s, as nobody had confirmed it\n",
                         target.host.c_str(), undone->at.c_str());
            exit = Exit::no;
        }
    }
    if (exit == Exit::yes) {
        std::puts("nothing waits to be confirmed; `lbsync verify` tells whether it is equal");
    }
    return exit;
}

Result<Exit> confirm(const Given& given) {
    auto targets = targets_of(given);
    if (!targets) {
        return print_mistakes(targets.error());
    }
    ask(*targets);
    std::vector<Error> unknown;
    bool any = false;
    for (const Target& target : *targets) {
        if (!target.standing) {
            unknown.push_back(target.standing.error());
        } else {
            any |= target.standing->armed.has_value();
        }
    }
    if (!unknown.empty()) {
        std::fputs("nothing was confirmed, as not all of the targets can be asked\n", stderr);
        print_mistakes(unknown);
        return Exit::world;
    }
    if (!any) {
        return nothing_waits(*targets);
    }
    if (given.has("dry-run")) {
        return show_waiting(*targets);
    }
    if (auto whole = expect_whole(*targets); !whole) {
        return tl::unexpected(whole.error());
    }
    confirm_all(*targets);
    return tell(*targets);
}

}  // namespace

Command confirm_command() {
    return {"confirm",
            "let stay what an apply with --confirm has done",
            R"(Each target must still have what the apply made of it, and writes its boot files.

  lbsync confirm --inventory inventory.json)",
            {Option::text("inventory", "what exists").required(),
             Option::text("from", "as for apply"), Option::text("to", "as for apply"),
             Option::flag("dry-run", "tell what waits (exit 1: something does), change nothing")},
            confirm};
}

}  // namespace rehome::lbsync
