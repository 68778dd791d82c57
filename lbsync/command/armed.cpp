// arm, armed, wait, disarm: what apply, verify and confirm run on far hosts for an undo that waits.
#include "lbsync/adapter/armed_undo.h"

#include <nlohmann/json.hpp>

#include "lbsync/adapter/put.h"
#include "lbsync/command/commands.h"
#include "lbsync/command/session.h"

namespace rehome::lbsync {

namespace {

Exit print_standing(const Standing& standing) {
    print(to_json(standing));
    return Exit::yes;
}

Result<Exit> arm_here(const Given& given) {
    const auto text = read_standard_input();
    if (!text) {
        return tl::unexpected(text.error());
    }
    auto wanted = parse_standing("standard input", *text);
    if (!wanted) {
        return print_mistakes(wanted.error());
    }
    if (!wanted->armed) {
        return fail(Exit::usage, "standard input", "arms nothing, expected what is to be undone");
    }
    return arm(std::move(*wanted->armed), given.integer("seconds")).map([](Armed armed) {
        Standing standing;
        standing.armed = std::move(armed);
        standing.waits = true;
        return print_standing(standing);
    });
}

}  // namespace

Command arm_command() {
    return {"arm",
            "let what an apply does be undone here unless it is confirmed (used by apply)",
            R"(  lbsync arm --seconds 120 < armed.json)",
            {Option::integer("seconds", "until then").within(1, 86'400).required()},
            arm_here};
}

Command armed_command() {
    return {"armed",
            "show what waits to be undone on this host (used by verify on far hosts)",
            R"(  lbsync armed)",
            {json_option()},
            [](const Given&) { return standing_here().map(print_standing); }};
}

Command wait_command() {
    return {
        "wait",
        "wait for the time, then undo (started by arm)",
        R"(  lbsync wait --place /run/lbsync/net-4026531840 --id 0123456789abcdef </proc/self/ns/net)",
        {Option::text("place", "where the record stands").required(),
         Option::text("id", "what is undone").required()},
        [](const Given& given) {
            return wait_and_undo(given.text("place"), given.text("id")).map([] {
                return Exit::yes;
            });
        }};
}

Command disarm_command() {
    return {"disarm",
            "let nothing be undone here any more (used by confirm and undo on far hosts)",
            R"(  lbsync disarm --id 0123456789abcdef --confirmed)",
            {Option::text("id", "what was armed").required(),
             Option::flag("confirmed", "if it still stands as applied; boot files are written")},
            [](const Given& given) {
                const std::string id = given.text("id");
                return (given.has("confirmed") ? confirm(id) : disarm(id)).map([] {
                    return Exit::yes;
                });
            }};
}

}  // namespace rehome::lbsync
