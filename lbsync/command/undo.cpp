// undo: puts back what an apply has replaced, as its state file says.
#include <nlohmann/json.hpp>

#include "common/clock.h"
#include "common/inventory.h"
#include "common/json/file.h"
#include "lbsync/adapter/at_once.h"
#include "lbsync/adapter/hold.h"
#include "lbsync/adapter/remote.h"
#include "lbsync/command/commands.h"
#include "lbsync/command/session.h"
#include "lbsync/plan/saved.h"

namespace rehome::lbsync {

namespace {

using nlohmann::ordered_json;

constexpr unsigned at_once = 32;

Result<> disarm(const std::string& host) {
    return Remote::to(host).and_then([](const Remote& remote) {
        return remote.standing().and_then([&](const Standing& standing) {
            return standing.armed ? remote.disarm(standing.armed->id) : Result<>();
        });
    });
}

// What was put back needs no undo of its own any more.
void disarm_all(const std::vector<std::string>& hosts, Undone& undone) {
    std::vector<Result<>> results(hosts.size());
    std::vector<Task> tasks;
    for (size_t i = 0; i < hosts.size(); ++i) {
        tasks.emplace_back([&, i] { results[i] = disarm(hosts[i]); });
    }
    run_at_once(tasks, at_once, "disarming");
    for (const Result<>& done : results) {
        if (!done) {
            undone.left_undone.push_back(done.error());
        }
    }
}

// What cannot be locked is left as it is, and does not keep the others from being put back.
Undone hold_and_undo(const Saved& saved, Force force) {
    Holds holds;
    const auto held = holds.take(hosts_of(saved), at_once);
    Undone undone = undo(of_hosts(saved, holds.hosts()), force, at_once);
    if (undone.left_undone.empty()) {
        disarm_all(holds.hosts(), undone);
    }
    if (!held) {
        undone.left_undone.insert(undone.left_undone.end(), held.error().begin(),
                                  held.error().end());
    }
    return undone;
}

Result<Exit> put_back(const Given& given) {
    if (given.has("inventory")) {
        if (const auto inventory = read_inventory(given.text("inventory")); !inventory) {
            return print_mistakes(inventory.error());
        }
    }
    const std::string path = given.text("state");
    const auto content = read_file(path);
    if (!content) {
        return tl::unexpected(content.error());
    }
    const auto saved = parse_saved(path, *content);
    if (!saved) {
        return print_mistakes(saved.error());
    }
    const bool force = given.has("force");
    const Undone undone = hold_and_undo(*saved, {force, force});
    if (given.has("json")) {
        ordered_json report = to_json(undone);
        report["schema"] = "rehome/lbsync-undo/1";
        report["at"] = iso8601(now_us());
        print(report);
    }
    tell(undone);
    return undone.left_undone.empty() ? Exit::yes : Exit::world;
}

}  // namespace

Command undo_command() {
    return {"undo",
            "put back what an apply has replaced",
            R"(  lbsync undo --inventory inventory.json --state before.json)",
            {
                Option::text("state", "written by apply").required(),
                Option::text("inventory", "checked to be readable; the state names all hosts"),
                Option::flag("force", "put back also what has been changed since"),
                json_option(),
            },
            put_back};
}

}  // namespace rehome::lbsync
