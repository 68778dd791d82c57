// plan and verify: both sites are read and compared, and nothing is changed.
#include <algorithm>

#include "lbsync/command/commands.h"
#include "lbsync/command/session.h"
#include "lbsync/command/sides.h"

namespace rehome::lbsync {

namespace {

Result<Exit> compare(const Given& given, std::string_view command) {
    auto plan = make_plan(given);
    if (!plan) {
        return plan.error();
    }
    if (given.find("applied") != nullptr && given.has("applied")) {
        plan->unconfirmed.clear();
    }
    show(*plan, command, given);
    return plan->verdict();
}

std::vector<Option> verify_options() {
    std::vector<Option> options = site_options();
    options.push_back(Option::flag("applied", "equal is enough, confirmed or not"));
    return options;
}

}  // namespace

Command plan_command() {
    return {"plan", "show what must change at the new site",
            R"("-" goes, "+" comes.  Nothing is changed.

  lbsync plan --inventory inventory.json
  lbsync plan --inventory inventory.json --json > plan.json)",
            site_options(), [](const Given& given) { return compare(given, "plan"); }};
}

Command verify_command() {
    std::vector<Option> options = verify_options();
    std::find_if(options.begin(), options.end(), [](const Option& option) {
        return option.name == "inventory";
    })->is_required = false;
    options.push_back(sides_option());
    options.push_back(format_option());
    return {"verify", "tell whether both sites, or two sides, have the same policies",
            R"(0 equal under the mapping, 1 differs, 4 not provable, or
equal and unconfirmed.  A side is a file or a host.

  lbsync verify --inventory inventory.json
  lbsync verify old.rules new.rules --map map.json
  lbsync verify netns:old-gw netns:new-gw)",
            std::move(options), [](const Given& given) {
                return given.has("inventory") && !given.has("side") ? compare(given, "verify")
                                                                    : verify_sides(given);
            }};
}

}  // namespace rehome::lbsync
