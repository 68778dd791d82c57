// plan and verify: both sites are read and compared, and nothing is changed.
#include "lbsync/command/commands.h"
#include "lbsync/command/session.h"

namespace rehome::lbsync {

namespace {

Result<Exit> compare(const Given& given, std::string_view command) {
    const auto plan = make_plan(given);
    if (!plan) {
        return plan.error();
    }
    show(*plan, command, given);
    return plan->verdict();
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
    return {"verify", "tell whether both sites have the same policies",
            R"(0 equal under the mapping, 1 differs, 4 not provable.

  lbsync verify --inventory inventory.json)",
            site_options(), [](const Given& given) { return compare(given, "verify"); }};
}

}  // namespace rehome::lbsync
