// undo: puts back what an apply has replaced, as its state file says.
#include <nlohmann/json.hpp>

#include "common/clock.h"
#include "common/inventory.h"
#include "common/json/file.h"
#include "lbsync/command/commands.h"
#include "lbsync/command/session.h"
#include "lbsync/plan/saved.h"

namespace rehome::lbsync {

namespace {

using nlohmann::ordered_json;

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
    const Undone undone = undo(*saved, {force, force});
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
