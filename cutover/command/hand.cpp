#include "cutover/command/hand.h"

#include <fmt/format.h>

#include <iostream>
#include <nlohmann/json.hpp>

#include "cutover/adapter/hand/enclosure.h"
#include "cutover/adapter/hand/folder.h"
#include "cutover/adapter/hand/server.h"

namespace rehome::cutover {

namespace {

using nlohmann::ordered_json;

const Option dir_option =
    Option::text("dir",
                 "where hands keep what they write down (default: /var/lib/rehome/hand, or "
                 "under $XDG_STATE_HOME for who is not root)");
const Option place_option =
    Option::text("place", "local, or netns-NAME: the host as it is seen from here");

std::string base_of(const Given& given) {
    return given.has("dir") ? given.text("dir") : default_hand_base();
}

Result<Exit> serve(const Given& given) {
    return serve_as_hand({base_of(given), given.text("place"), given.text("as")});
}

std::string text_of(const std::string& place, const std::optional<Holder>& holder) {
    if (!holder) {
        return place + ": free\n";
    }
    return fmt::format("{}: held by run {} since {} ({}, process {}, epoch {}, journal {})\n",
                       place, holder->run, iso8601(holder->since), holder->who, holder->pid,
                       holder->epoch, holder->journal);
}

ordered_json json_of(const std::string& place, const std::optional<Holder>& holder) {
    ordered_json object{{"place", place}};
    if (holder) {
        object["run"] = holder->run;
        object["epoch"] = holder->epoch;
        object["who"] = holder->who;
        object["pid"] = holder->pid;
        object["journal"] = holder->journal;
        object["since"] = iso8601(holder->since);
    }
    return object;
}

std::string dump(const ordered_json& object) {
    return object.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

Result<Exit> status(const Given& given) {
    const std::string base = base_of(given);
    ordered_json object{{"schema", "rehome/hand-status/1"}, {"keeping", name(keeping_here())}};
    object["places"] = ordered_json::array();
    std::string text = object["keeping"].get<std::string>() + "\n";
    for (const std::string& place : places_in(base)) {
        const auto holder = holder_of(base, place);
        if (!holder) {
            return tl::unexpected(holder.error());
        }
        text += text_of(place, *holder);
        object["places"].push_back(json_of(place, *holder));
    }
    std::cout << (given.has("json") ? dump(object) : text);
    return Exit::yes;
}

Result<Exit> release(const Given& given) {
    const std::string base = base_of(given);
    const std::string run = given.text("run");
    bool released = false;
    for (const std::string& place : places_in(base)) {
        if (given.has("place") && given.text("place") != place) {
            continue;
        }
        const auto given_up = give_up(base, place, run);
        if (!given_up) {
            return tl::unexpected(given_up.error());
        }
        std::cout << (*given_up ? place + ": given up\n" : "");
        released = released || *given_up;
    }
    return released ? Result<Exit>(Exit::yes)
                    : fail(Exit::no, "--run", in_quotes(run) + " holds nothing here");
}

Command serve_command() {
    return {
        "hand serve",
        "be a run's hand on this host (what `cutover run` starts there)",
        "Runs commands for one runner, which speaks to it by standard input and output, each in\n"
        "an enclosure that ends with it, and writes down how they ended.  Ends when its runner\n"
        "has gone.\n\n"
        "  cutover hand serve --place local\n",
        {Option::text("place", "local, or netns-NAME: the host as it is seen from here")
             .by_default("local"),
         Option::text("as", "by what name it was reached, where it has several"), dir_option},
        serve};
}

Command status_command() {
    return {"hand status",
            "tell which runs hold this host, and how commands are kept",
            "pid_namespace: nothing can outlive its command; subreaper (without the right to make\n"
            "PID namespaces): what is killed with its hand may.\n\n"
            "  cutover hand status --json\n",
            {dir_option, Option::flag("json", "print JSON")},
            status};
}

Command release_command() {
    return {"hand release",
            "give this host up for a run that is known to be dead",
            "Another run may hold it from then on.  Exit 1 when that run holds nothing here.\n\n"
            "  cutover hand release --run 0123456789abcdef0123456789abcdef\n",
            {Option::text("run", "the run's id").required(), place_option, dir_option},
            release};
}

}  // namespace

std::vector<Command> hand_commands() {
    return {serve_command(), status_command(), release_command()};
}

}  // namespace rehome::cutover
