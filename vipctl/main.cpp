// vipctl: asks and tells a running vipd.  See vipctl(8).
#include <algorithm>
#include <cstdio>
#include <functional>

#include <fmt/core.h>

#include <nlohmann/json.hpp>

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
        mask_command(),
        weak_command(),
        strong_command(),
        enable_command(),
        why_command(),
        explain_command(),
        capture_command(),
        flows_command(),
        top_command(),
        metrics_command(),
    };
    return run_program(program, argc, argv);
}
