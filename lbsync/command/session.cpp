#include "lbsync/command/session.h"

#include <unistd.h>

#include <cstdio>

#include <nlohmann/json.hpp>

#include "common/clock.h"
#include "common/json/file.h"
#include "lbsync/adapter/gather.h"
#include "lbsync/plan/report.h"

namespace rehome::lbsync {

using nlohmann::ordered_json;

Option json_option() {
    return Option::flag("json", "print the result as JSON");
}

Option map_option() {
    return Option::text("map",
                        "what of the old site is what at the new one, and what is left alone");
}

Checked<MapFile> read_map(const Given& given) {
    if (!given.has("map")) {
        return MapFile{};
    }
    const std::string path = given.text("map");
    const auto text = read_file(path);
    if (!text) {
        return tl::unexpected(std::vector<Error>{text.error()});
    }
    return parse_map_file(path, *text);
}

std::vector<Option> site_options() {
    return {
        Option::text("inventory", "what exists").required(),
        Option::text("from", "the site whose policies are carried; as the inventory says"),
        Option::text("to", "the site that gets them; as the inventory says"),
        Option::flag("no-reload", "leave the target's vipd alone: its file only"),
        Option::text("boot-file", "on each target, written with what it has to load at boot")
            .shown_as("PATH"),
        Option::integer("at-once", "calls of hosts side by side").within(1, 256).by_default("32"),
        map_option(),
        json_option(),
    };
}

tl::expected<Plan, Exit> make_plan(const Given& given) {
    static Checked<Inventory> inventory;  // a plan refers to it
    const std::string path = given.text("inventory");
    inventory = expect_move(path, read_inventory(path));
    if (!inventory) {
        return tl::unexpected(print_mistakes(inventory.error()));
    }
    const auto map = read_map(given);
    if (!map) {
        return tl::unexpected(print_mistakes(map.error()));
    }
    auto plan =
        gather(*inventory,
               {path, given.text("from"), given.text("to"), !given.has("no-reload"),
                static_cast<unsigned>(given.integer("at-once")), given.text("boot-file"), *map});
    if (!plan) {
        return tl::unexpected(print_mistakes(plan.error()));
    }
    return std::move(*plan);
}

void print(const ordered_json& report) {
    std::fputs((report.dump(2) + "\n").c_str(), stdout);
}

void show(const Plan& plan, std::string_view command, const Given& given) {
    if (given.has("json")) {
        print(json_report(plan, command, iso8601(now_us())));
    } else {
        std::fputs(text_report(plan, isatty(STDOUT_FILENO) != 0).c_str(), stdout);
        std::printf("%s\n", summary(plan).c_str());
    }
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

}  // namespace rehome::lbsync
