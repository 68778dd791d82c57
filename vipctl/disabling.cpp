// vipctl mask, weak, strong and enable: one grammar for servers, services, lines and sites.
#include <unistd.h>

#include <cstdio>
#include <thread>

#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "common/clock.h"
#include "common/control_request.h"
#include "vipctl/client.h"
#include "vipctl/commands.h"
#include "vipctl/gateways.h"
#include "vipctl/show.h"

namespace rehome::vipctl {

namespace {

using nlohmann::json;

constexpr auto progress_every = std::chrono::milliseconds(200);
constexpr int64_t standstill_us = 30'000'000;  // of an order that --wait follows

json find_order(const json& status, const json& id) {
    for (const json& order : status.value("disabled", json::array())) {
        if (order.value("id", json()) == id) {
            return order;
        }
    }
    return {};
}

// Follows the order of that id until its flows have ended, or another one takes its place.  That
// takes as long as there are flows, so what bounds it is progress: standing still is an error.
Result<json> follow(const Given& given, const json& id) {
    const bool terminal = isatty(STDERR_FILENO) != 0;
    json before;
    int64_t moved_us = monotonic_us();
    for (;;) {
        const auto status = ask(given, {{"command", "status"}});
        if (!status) {
            return tl::unexpected(status.error());
        }
        const json now = find_order(*status, id);
        if (!now.is_object()) {
            return fail(Exit::no, "weak", "another order has taken its place");
        }
        if (terminal) {
            fmt::print(stderr, "\r\033[K{}", show_disabled(now).substr(0, 78));
        }
        if (now.value("course", json()) != "running") {
            fmt::print(stderr, "{}", terminal ? "\r\033[K" : "");
            return now;
        }
        const bool nothing_left = now.value("left", json()) == 0;  // it waits for more to come
        if (now != before || nothing_left) {
            moved_us = monotonic_us();
        } else if (monotonic_us() - moved_us > standstill_us) {
            return fail(Exit::world, "weak",
                        "no flow has ended in 30 s, expected progress; it is still running");
        }
        before = now;
        std::this_thread::sleep_for(progress_every);
    }
}

// An order about a site is all gateways', unless it is said otherwise; any other is this one's own.
Result<json> give(const Given& given, const json& request) {
    const bool alone = given.text("level") != "site" || given.has("here");
    if (alone || !wrong_request("", request).empty()) {
        return ask(given, request);
    }
    auto now = ask(given, {{"command", "sites"}});
    if (!now) {
        return now;
    }
    return tell_all(given.text("socket"), now->value("gateways", Gateways()),
                    {"sites", {{"order", request}}, now->value("digest", "")});
}

Result<Exit> order(const std::string& mode, const Given& given) {
    const json request = request_for(mode, given);
    auto answer = give(given, request);
    if (!answer && !wrong_request("", request).empty()) {
        // Not sent: vipd, where it is there, says what else is wrong.
        const auto whole = ask_vipd(given.text("socket"), request);
        answer = !whole && whole.error().kind == Exit::usage ? whole : answer;
    }
    if (answer && mode == "weak" && given.has("wait")) {
        const json disabled = answer->value("disabled", json::object());
        const auto followed = follow(given, disabled.value("id", json()));
        if (!followed) {
            return tl::unexpected(followed.error());
        }
        (*answer)["disabled"] = *followed;
    }
    return print_order(given, answer, show_disabled_order);
}

std::vector<Option> options_of(const std::string& mode) {
    std::vector<Option> options{
        Option::text("level", "server, service, line or site").positional().required(),
        Option::text("name", "its name; a server's may be SERVICE/NAME, a line's is its carrier's")
            .positional()
            .required()};
    if (mode == "weak") {
        options.push_back(Option::number("rate", "flows per second").required());
        options.push_back(Option::number("quiet-s", "it is done once nothing was left for so long")
                              .shown_as("SECONDS")
                              .by_default("0"));
        options.push_back(
            Option::flag("icmp", "clients of UDP are told that the port is unreachable"));
        options.push_back(Option::flag("wait", "until its flows here have ended, with progress"));
    }
    if (mode != "enable") {
        options.push_back(Option::flag("anyway", "also where nobody else is there"));
    }
    options.push_back(Option::flag("here", "of a site: tell this gateway alone"));
    return options;
}

Command command(const std::string& mode, const std::string& summary, const std::string& teaching) {
    return {mode, summary, teaching, options_of(mode),
            [mode](const Given& given) { return order(mode, given); }};
}

}  // namespace

Command mask_command() {
    return command(
        "mask", "new flows go elsewhere, existing ones stay",
        "  vipctl mask server s1                 in every service that has one\n"
        "  vipctl mask server web/s1\n"
        "  vipctl mask service web               to the other sites\n"
        "  vipctl mask line red                  no packet with a VIP as source\n"
        "  vipctl mask site old                  at all gateways, or none\n"
        "  vipctl mask site old --here           as far as this gateway places\n\n"
        "What nobody else takes is served as before: refused unless it is said.  A line\n"
        "is masked once its ways back have moved into the tunnel, that is, once the\n"
        "peers have confirmed.");
}

Command weak_command() {
    return command(
        "weak", "mask, and end its flows, so many a second",
        "  vipctl weak site old --rate 100 --wait\n"
        "  vipctl weak service meters --rate 20 --quiet-s 30 --icmp\n"
        "  vipctl mask site old                  stops it; new flows still go elsewhere\n\n"
        "Established TCP flows get a reset at both ends, with the numbers that these\n"
        "accept; their clients connect again and are placed anew.  UDP flows are\n"
        "forgotten, so that their clients' next packets are placed anew.\n"
        "Without --wait it goes on by itself: see `vipctl status`.  Of a site each gateway\n"
        "ends its own flows at that rate; --wait follows the gateway that is asked.");
}

Command strong_command() {
    return command("strong", "mask, and drop everything of it now",
                   "  vipctl strong server s1\n  vipctl strong line red\n\n"
                   "Nobody is told.  What is dropped is counted as disabled.");
}

Command enable_command() {
    return command("enable", "take back mask, weak or strong",
                   "  vipctl enable server s1\n  vipctl enable line red\n\n"
                   "A line is enabled whatever vipd's file says first, a site at all gateways.");
}

}  // namespace rehome::vipctl
