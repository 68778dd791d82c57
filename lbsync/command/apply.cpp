// apply: carries a plan out, reads back what it did, and puts all back where that fails.
#include <unistd.h>

#include <cstdio>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "common/clock.h"
#include "common/json/file.h"
#include "lbsync/adapter/carry.h"
#include "lbsync/command/commands.h"
#include "lbsync/command/session.h"
#include "lbsync/plan/report.h"

namespace rehome::lbsync {

namespace {

using nlohmann::ordered_json;

std::vector<Option> apply_options() {
    std::vector<Option> options = site_options();
    options.push_back(
        Option::text("state", "write what is replaced into this file first, for undo"));
    options.push_back(Option::text(
        "plan", "carry out only this plan (of `plan --json`): refuse if a site has changed since"));
    options.push_back(Option::integer("confirm",
                                      "let the targets undo it after so many seconds, unless "
                                      "`lbsync confirm` is given")
                          .shown_as("S")
                          .within(5, 86'400));
    options.push_back(Option::flag("dry-run", "show and check (nft -c), change nothing"));
    return options;
}

// Whether the plan made now is the one that was asked for.
Result<> expect_plan(const Plan& plan, const std::string& path) {
    const auto content = read_file(path);
    if (!content) {
        return tl::unexpected(content.error());
    }
    const auto document = nlohmann::json::parse(*content, nullptr, false);
    if (!document.is_object() || document.value("schema", "") != "rehome/lbsync-plan/1" ||
        !document.contains("bound_to") || !document["bound_to"].is_object()) {
        return fail(Exit::usage, path, "is no plan, expected what `lbsync plan --json` prints");
    }
    for (const auto& [site, digest] :
         {std::pair{"from", plan.from_digest}, std::pair{"to", plan.to_digest}}) {
        if (document["bound_to"].value(site, "") != digest) {
            return fail(Exit::no, path,
                        fmt::format("site {} has changed since this plan was made; nothing was "
                                    "applied, make it anew",
                                    site == std::string("from") ? plan.from : plan.to));
        }
    }
    if (document["bound_to"].value("map", "") != plan.map.digest) {
        return fail(
            Exit::no, path,
            "was made with another mapping file (--map); nothing was applied, make it anew");
    }
    return {};
}

// Between two acts a wish to stop is heard, and what was done is put back.
Result<Carried> carry_out(const Plan& plan, const Given& given) {
    const auto stop = StopSignal::watch({.asked = "stopping: what was done is put back\n"});
    if (!stop) {
        return tl::unexpected(stop.error());
    }
    return carry(plan,
                 {.reload = !given.has("no-reload"),
                  .state_file = given.text("state"),
                  .at_once = static_cast<unsigned>(given.integer("at-once")),
                  .confirm_s = given.integer("confirm")},
                 *stop);
}

Exit finish(const Plan& plan, const Carried& carried, const Given& given) {
    const bool done = carried.failures.empty();
    const bool undone = carried.undone.left_undone.empty();
    const char* result = done ? "applied" : undone ? "backed out" : "left undone";
    print_mistakes(carried.failures);
    tell(carried.undone);
    if (given.has("json")) {
        ordered_json report = json_report(plan, "apply", iso8601(now_us()));
        report["result"] = result;
        report["undo"] = to_json(carried.undone);
        if (!carried.until.empty()) {
            report["until"] = carried.until;
        }
        print(report);
    } else {
        std::fputs(text_report(plan, isatty(STDOUT_FILENO) != 0).c_str(), stdout);
        const std::string last =
            plan.changes.empty()
                ? summary(plan)
                : fmt::format("{}: {} {} at site {}", done ? "applied, and read back" : result,
                              plan.changes.size(), plan.changes.size() == 1 ? "object" : "objects",
                              plan.to);
        std::printf("%s\n", last.c_str());
        if (!carried.until.empty()) {
            std::printf("it is undone at %s unless confirmed: lbsync confirm --inventory %s\n",
                        carried.until.c_str(), given.text("inventory").c_str());
        }
    }
    return done ? Exit::yes : undone ? Exit::no : Exit::world;
}

Result<Exit> apply(const Given& given) {
    const auto plan = make_plan(given);
    if (!plan) {
        return plan.error();
    }
    if (given.has("plan")) {
        if (auto same = expect_plan(*plan, given.text("plan")); !same) {
            return tl::unexpected(same.error());
        }
    }
    const bool dry = given.has("dry-run");
    if (!plan->unconfirmed.empty() && !dry) {
        const Unconfirmed& host = plan->unconfirmed.front();
        return fail(Exit::no, host.host,
                    fmt::format("is unconfirmed until {} (by {}); confirm or undo that first",
                                host.until, host.by));
    }
    if (!plan->can_be_carried()) {
        show(*plan, "apply", given);
        return plan->verdict();
    }
    if (auto good = check(*plan, static_cast<unsigned>(given.integer("at-once"))); !good) {
        return print_mistakes(good.error());
    }
    if (dry) {
        show(*plan, "apply", given);
        return plan->verdict();
    }
    return carry_out(*plan, given).map([&](const Carried& carried) {
        return finish(*plan, carried, given);
    });
}

}  // namespace

Command apply_command() {
    return {
        "apply", "make the new site's policies those of the old one",
        R"(One nftables transaction a host, then vipd's file and its reload; all of it is read back, and
undone at the first failure.

  lbsync apply --inventory inventory.json --dry-run
  lbsync apply --inventory inventory.json --state before.json
  lbsync apply --inventory inventory.json --plan plan.json --state before.json)",
        apply_options(), apply};
}

}  // namespace rehome::lbsync
