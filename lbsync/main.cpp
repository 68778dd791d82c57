// lbsync: carries load balancing and security policies from the old site to the new one.
#include <unistd.h>

#include <cstdio>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "common/clock.h"
#include "common/command.h"
#include "common/json_file.h"
#include "lbsync/adapter/carry.h"
#include "lbsync/adapter/gather.h"
#include "lbsync/adapter/put.h"
#include "lbsync/adapter/undo.h"
#include "lbsync/plan/report.h"
#include "lbsync/plan/saved.h"

namespace rehome::lbsync {
namespace {

using nlohmann::ordered_json;

void print(const ordered_json& report) {
    std::fputs((report.dump(2) + "\n").c_str(), stdout);
}

const Option json_option = Option::flag("json", "print the result as JSON");

const std::vector<Option> site_options{
    Option::text("inventory", "what exists").required(),
    Option::text("from", "the site whose policies are carried; as the inventory says"),
    Option::text("to", "the site that gets them; as the inventory says"),
    Option::flag("no-reload", "leave the target's vipd alone: its file only"),
    json_option,
};

std::vector<Option> apply_options() {
    std::vector<Option> options = site_options;
    options.push_back(
        Option::text("state", "write what is replaced into this file first, for undo"));
    options.push_back(Option::text(
        "plan", "carry out only this plan (of `plan --json`): refuse if a site has changed since"));
    options.push_back(Option::flag("dry-run", "show and check (nft -c), change nothing"));
    return options;
}

const std::vector<Option> undo_options{
    Option::text("state", "written by apply").required(),
    Option::text("inventory", "checked to be readable; the state names all hosts"),
    Option::flag("force", "put back also what has been changed since"),
    json_option,
};

const std::vector<Option> put_options{
    Option::text("path", "the file to replace").required(),
    Option::text("expect-sha256", "its digest now").required(),
};

// Reads the inventory and both sites; what is wrong is printed.
tl::expected<Plan, Exit> make(const Given& given) {
    static Checked<Inventory> inventory;  // a plan refers to it
    inventory = read_inventory(given.text("inventory"));
    if (!inventory) {
        return tl::unexpected(print_mistakes(inventory.error()));
    }
    auto plan = gather(*inventory, {given.text("inventory"), given.text("from"), given.text("to"),
                                    !given.has("no-reload")});
    if (!plan) {
        return tl::unexpected(print_mistakes(plan.error()));
    }
    return std::move(*plan);
}

void show(const Plan& plan, std::string_view command, const Given& given) {
    if (given.has("json")) {
        print(json_report(plan, command, iso8601(now_us())));
    } else {
        std::fputs(text_report(plan, isatty(STDOUT_FILENO) != 0).c_str(), stdout);
        std::printf("%s\n", summary(plan).c_str());
    }
}

Result<Exit> compare(const Given& given, std::string_view command) {
    const auto plan = make(given);
    if (!plan) {
        return plan.error();
    }
    show(*plan, command, given);
    return plan->verdict();
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
    return {};
}

ordered_json to_json(const Undone& undone) {
    ordered_json left = ordered_json::array();
    for (const Error& error : undone.left_undone) {
        left.push_back(error.text());
    }
    return {{"done", undone.done}, {"left_undone", std::move(left)}};
}

void tell(const Undone& undone) {
    for (const std::string& what : undone.done) {
        std::fprintf(stderr, "put back: %s\n", what.c_str());
    }
    for (const Error& error : undone.left_undone) {
        std::fprintf(stderr, "left undone: %s\n", error.text().c_str());
    }
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
    }
    return done ? Exit::yes : undone ? Exit::no : Exit::world;
}

Result<Exit> apply(const Given& given) {
    const auto plan = make(given);
    if (!plan) {
        return plan.error();
    }
    if (given.has("plan")) {
        if (auto same = expect_plan(*plan, given.text("plan")); !same) {
            return tl::unexpected(same.error());
        }
    }
    const bool dry = given.has("dry-run");
    if (plan->verdict() == Exit::unknown) {
        show(*plan, "apply", given);
        return Exit::unknown;
    }
    if (auto good = check(*plan); !good) {
        return tl::unexpected(good.error());
    }
    if (dry) {
        show(*plan, "apply", given);
        return plan->verdict();
    }
    return finish(*plan, carry(*plan, !given.has("no-reload"), given.text("state")), given);
}

Result<Exit> undo_command(const Given& given) {
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

Result<Exit> put_command(const Given& given) {
    return put(given.text("path"), given.text("expect-sha256")).map([] { return Exit::yes; });
}

const Program program{
    "lbsync",
    "carries load balancing and security policies from the old site to the new one",
    R"(It reads vipd's services from each old gateway and nftables' rule sets from each old host, maps
every address by the inventory, and compares with what the new site has.

Exit status: 0 equal or done, 1 differs or backed out, 2 wrong input or an object without a
counterpart, 3 the world failed (what is left undone is listed), 4 not provable.

  lbsync plan --inventory inventory.json
  lbsync apply --inventory inventory.json --state before.json
  lbsync verify --inventory inventory.json
  lbsync undo --inventory inventory.json --state before.json)",
    {
        {"plan", "show what must change at the new site",
         R"("-" goes, "+" comes.  Nothing is changed.

  lbsync plan --inventory inventory.json
  lbsync plan --inventory inventory.json --json > plan.json)",
         site_options, [](const Given& given) { return compare(given, "plan"); }},
        {"apply", "make the new site's policies those of the old one",
         R"(One nftables transaction a host, then vipd's file and its reload; all of it is read back, and
undone at the first failure.

  lbsync apply --inventory inventory.json --dry-run
  lbsync apply --inventory inventory.json --state before.json
  lbsync apply --inventory inventory.json --plan plan.json --state before.json)",
         apply_options(), apply},
        {"verify", "tell whether both sites have the same policies",
         R"(0 equal under the mapping, 1 differs, 4 not provable.

  lbsync verify --inventory inventory.json)",
         site_options, [](const Given& given) { return compare(given, "verify"); }},
        {"undo", "put back what an apply has replaced",
         R"(  lbsync undo --inventory inventory.json --state before.json)", undo_options,
         undo_command},
        {"put", "replace a file by standard input (used by apply on far hosts)",
         R"(  lbsync put --path /etc/rehome/vipd.json --expect-sha256 DIGEST < vipd.json)",
         put_options, put_command},
    },
    {}};

}  // namespace
}  // namespace rehome::lbsync

int main(int argc, char** argv) {
    return rehome::run_program(rehome::lbsync::program, argc, argv);
}
