// vipctl: asks and tells a running vipd.  See vipctl(8).
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <functional>
#include <thread>

#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "common/clock.h"
#include "common/command.h"
#include "common/control_request.h"
#include "vipctl/client.h"
#include "vipctl/commands.h"
#include "vipctl/show.h"

namespace rehome::vipctl {

using nlohmann::json;

json request_for(const std::string& command, const Given& given) {
    json request{{"command", command}};
    for (const auto& key : request_keys(command)) {
        std::string option = key;  // "quiet_s" is --quiet-s
        std::replace(option.begin(), option.end(), '_', '-');
        const auto* value = given.find(option);
        if (value == nullptr) {
            continue;
        }
        if (const auto* text = std::get_if<std::string>(value)) {
            request[key] = *text;
        } else if (const auto* integer = std::get_if<int64_t>(value)) {
            request[key] = *integer;
        } else if (const auto* number = std::get_if<double>(value)) {
            request[key] = *number;
        } else {
            request[key] = true;
        }
    }
    return request;
}

Result<json> ask(const Given& given, const json& request) {
    const auto where = "vipctl " + request["command"].get<std::string>();
    if (std::string wrong = wrong_request(where, request); !wrong.empty()) {
        return fail(Exit::usage, "", std::move(wrong));
    }
    return ask_vipd(given.text("socket"), request);
}

Result<Exit> print(const Given& given, const Result<json>& answer,
                   const std::function<std::string(const json&)>& show) {
    if (!answer) {
        return tl::unexpected(answer.error());
    }
    const std::string text = given.has("json") ? answer->dump(2) + "\n" : show(*answer);
    std::fputs(text.c_str(), stdout);
    return Exit::yes;
}

Result<Exit> print_order(const Given& given, const Result<json>& answer,
                         const std::function<std::string(const json&)>& show) {
    auto printed = print(given, answer, show);
    if (!printed || !answer->contains("late")) {
        return printed;  // refused, or it was a question
    }
    std::string wrong;
    for (const json& worker : answer->value("late", json::array())) {
        wrong += fmt::format("worker {} is late: it acts on it when it comes\n", worker.dump());
    }
    for (const auto& [key, what] : {std::pair{"not_stored", "in force, not stored"},
                                    {"not_announced", "a prefix's route is not as it should be"}}) {
        if (const json why = answer->value(key, json()); why.is_string()) {
            wrong += fmt::format("{}: {}\n", what, why.get<std::string>());
        }
    }
    fmt::print(stderr, "{}", wrong);
    return wrong.empty() ? Exit::yes : Exit::world;
}

namespace {

using Show = std::string (*)(const json& answer);

constexpr auto progress_every = std::chrono::milliseconds(200);
constexpr int64_t standstill_us = 30'000'000;  // of a re-login that --wait follows

const std::vector<Option> common_options{
    Option::text("socket", "vipd's control socket").by_default(std::string(default_control_socket)),
    Option::flag("json", "print the answer as JSON"),
};

// A command that has no arguments.
Command plain(const std::string& name, const std::string& summary, Show show,
              const std::string& teaching = "") {
    return {name, summary, teaching, {}, [name, show](const Given& given) {
                return print_order(given, ask(given, request_for(name, given)), show);
            }};
}

// ---- config -------------------------------------------------------------------------------------

Command config_command() {
    return {"config",
            "the configuration in force, and from where each thing is",
            "  vipctl config                         as a file that vipd takes\n"
            "  vipctl config --origins               each thing: an order, the file or a default",
            {Option::flag("origins", "from where each thing is, orders too")},
            [](const Given& given) {
                const bool origins = given.has("origins");
                return print(given, ask(given, {{"command", origins ? "origins" : "config"}}),
                             origins ? show_origins : show_config);
            }};
}

// ---- share --------------------------------------------------------------------------------------

Result<Exit> share(const Given& given) {
    if (given.has("by") && !given.has("percent")) {
        return fail(Exit::usage, "vipctl share", "--by is given alone, expected a PERCENT with it");
    }
    return print_order(given, ask(given, request_for("share", given)), show_share);
}

Command share_command() {
    return {"share",
            "show or set the share of clients that the other site gets",
            "  vipctl share                          what is set\n"
            "  vipctl share 1                        1 % of the clients, by address\n"
            "  vipctl share 2.5 --by address-port    finer: clients behind one NAT are spread\n\n"
            "Only new flows are placed by the share; a larger share contains the smaller.  Maps\n"
            "keep no state, so that a share moves their live flows too: it is refused where there\n"
            "are maps.",
            {Option::number("percent", "0 to 100, in steps of 0.01").positional(),
             Option::text("by", "address (unless given) or address-port"),
             Option::flag("break-maps", "also where it breaks live flows of maps")},
            share};
}

// ---- line ---------------------------------------------------------------------------------------

Result<Exit> line(const Given& given) {
    return print_order(given, ask(given, request_for("line", given)), show_line);
}

Command line_command() {
    return {"line",
            "enable or disable a carrier's line",
            "  vipctl line red enable\n  vipctl line red disable\n\n"
            "A disabled line carries no packet with a VIP as source.  disable returns once the\n"
            "ways back have moved into the tunnel, that is, once the peers have confirmed.  It is\n"
            "refused where no gateway has another enabled line of the carrier.",
            {Option::text("carrier", "the line's carrier").positional(),
             Option::text("state", "enable or disable").positional(),
             Option::flag("anyway", "also where the carrier's clients then get no replies")},
            line};
}

// ---- relogin ------------------------------------------------------------------------------------

// Follows the re-login of that id until it ends, or another order takes its place.  That takes as
// long as there are flows, so what bounds it is progress: one that stands still is an error.
Result<json> follow_relogin(const Given& given, const json& id) {
    const bool terminal = isatty(STDERR_FILENO) != 0;
    json before;
    int64_t moved_us = monotonic_us();
    for (;;) {
        auto status = ask(given, {{"command", "status"}});
        if (!status) {
            return status;
        }
        const json now = status->value("relogin", json::object());
        if (terminal) {
            fmt::print(stderr, "\r\033[K{}", show_relogin(now).substr(0, 78));
        }
        const bool interrupted =
            now.value("/order/course"_json_pointer, std::string()) == "interrupted";
        if (!interrupted && now.value("id", json()) != id) {
            return fail(Exit::no, "re-login", "another order has taken its place");
        }
        if (!now.value("running", false)) {
            fmt::print(stderr, "{}", terminal ? "\r\033[K" : "");
            return now;
        }
        const bool nothing_left = now.value("remaining", json()) == 0;  // it waits for more to come
        if (now != before || nothing_left) {
            moved_us = monotonic_us();
        } else if (monotonic_us() - moved_us > standstill_us) {
            return fail(Exit::world, "re-login",
                        "no flow has ended in 30 s, expected progress; it is still running");
        }
        before = now;
        std::this_thread::sleep_for(progress_every);
    }
}

Result<Exit> relogin(const Given& given) {
    if (given.has("stop") == given.has("rate")) {
        return fail(Exit::usage, "vipctl relogin", "expected either --rate N or --stop");
    }
    auto answer = ask(given, request_for(given.has("stop") ? "relogin-stop" : "relogin", given));
    if (answer && given.has("wait")) {
        const auto followed = follow_relogin(given, answer->value("id", json()));
        if (!followed) {
            return tl::unexpected(followed.error());
        }
        answer->update(*followed);
    }
    auto done = print_order(given, answer, show_relogin_order);
    const bool interrupted =
        answer && given.has("wait") &&
        answer->value("/order/course"_json_pointer, std::string()) == "interrupted";
    return interrupted ? Exit::world : done;
}

Command relogin_command() {
    return {"relogin",
            "end the flows served here, so many a second",
            "  vipctl relogin --rate 100 --wait\n"
            "  vipctl relogin --rate 20 --service meters --quiet-s 30\n"
            "  vipctl relogin --stop\n\n"
            "Established TCP flows that end at this site's servers get a reset at both ends, with\n"
            "the numbers that these accept; their clients connect again and are placed anew.\n"
            "UDP flows are forgotten, so that their clients' next packets are placed anew.\n"
            "Without --wait it goes on by itself: see `vipctl status`.  One that runs is replaced.",
            {Option::number("rate", "flows per second"),
             Option::text("service", "only this service's flows"),
             Option::number("quiet-s", "it has ended once nothing was left for so long")
                 .shown_as("SECONDS")
                 .by_default("0"),
             Option::flag("wait", "until all have ended, with progress"),
             Option::flag("stop", "stop what is running")},
            relogin};
}

}  // namespace
}  // namespace rehome::vipctl

int main(int argc, char** argv) {
    using namespace rehome;
    using namespace rehome::vipctl;
    Program program;
    program.name = "vipctl";
    program.summary = "ask and tell a running vipd";
    program.teaching =
        "  vipctl status                         the gateway at a glance\n"
        "  vipctl --socket PATH stats --json     another vipd, for a program\n\n"
        "Exit: 0 done, 1 vipd says no, 2 wrong usage, 3 vipd cannot be reached, or an order is in\n"
        "force and something about it failed.";
    program.options = common_options;
    program.commands = {
        status_command(),
        plain("stats", "what was sent, punted and dropped, and why", show_stats),
        config_command(),
        plain("reload", "read the configuration again; no packet is lost", show_reload,
              "A file with mistakes, or with changes that need a restart, is refused as a whole."),
        plain("confirm", "announce prefixes again after a long absence", show_confirm,
              "  vipctl confirm\n\n"
              "A vipd that was away for long may have missed the end of the move.  It serves its\n"
              "flows and its peers, but announces no prefix until a peer of the same move, or the\n"
              "operator by this, confirms that its orders still hold."),
        share_command(),
        weights_command(),
        set_command(),
        list_command(),
        access_command(),
        limit_command(),
        admission_command(),
        tell_command(),
        line_command(),
        relogin_command(),
        why_command(),
        explain_command(),
        capture_command(),
        flows_command(),
        top_command(),
        metrics_command(),
    };
    return run_program(program, argc, argv);
}
