// vipctl status: the gateway at a glance, once or again and again.
#include <nlohmann/json.hpp>

#include "common/stop_signal.h"
#include "vipctl/commands.h"
#include "vipctl/screen.h"
#include "vipctl/show.h"

namespace rehome::vipctl {

namespace {

using nlohmann::json;

// A vipd that is restarted meanwhile is waited for.
Result<Exit> watch(const Given& given, const json& request) {
    const auto stop = StopSignal::watch();
    if (!stop) {
        return tl::unexpected(stop.error());
    }
    const auto pause = std::chrono::seconds(given.integer("seconds"));
    for (bool first = true; !stop->wanted(); first = false) {
        const auto answer = ask(given, request);
        if (!answer && first) {
            return tl::unexpected(answer.error());
        }
        const bool as_json = given.has("json");
        if (answer) {
            draw(as_json ? answer->dump() + "\n" : show_status(*answer));
        } else if (!as_json) {
            draw(answer.error().text() + "\n");
        }
        stop->wait(pause);
    }
    return Exit::yes;
}

Result<Exit> status(const Given& given) {
    const json request{{"command", "status"}, {"servers", true}};
    if (given.has("seconds") && !given.has("watch")) {
        return fail(Exit::usage, "vipctl status",
                    "--seconds is given alone, expected --watch with it");
    }
    return given.has("watch") ? watch(given, request)
                              : print(given, ask(given, request), show_status);
}

}  // namespace

Command status_command() {
    return {
        "status",
        "lines, peers, servers, share, flows, what is disabled",
        "  vipctl status\n"
        "  vipctl status --watch                 again every 2 s, until Ctrl-C\n\n"
        "Servers' flows are counted when it is asked; of a large table a sample is looked at,\n"
        "and they begin with ~. Where standard output is no terminal, --watch prints one status\n"
        "behind another, with --json one a line.",
        {Option::flag("watch", "again and again, until Ctrl-C"),
         Option::integer("seconds", "between two of these").by_default("2").within(1, 3600)},
        status};
}

}  // namespace rehome::vipctl
