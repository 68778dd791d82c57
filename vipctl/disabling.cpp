// vipctl mask, weak, strong and enable: one grammar for servers, services, lines and sites.
#include <nlohmann/json.hpp>

#include "common/control_request.h"
#include "vipctl/client.h"
#include "vipctl/commands.h"
#include "vipctl/follow.h"
#include "vipctl/gateways.h"
#include "vipctl/show.h"

namespace rehome::vipctl {

namespace {

using nlohmann::json;

// An order about a site is all gateways', unless it is said otherwise; any other is this one's own.
Result<ToldAll> give(const Given& given, const json& request) {
    const bool of_site = given.text("level") == "site";
    if (!of_site && given.has("without")) {
        return fail(Exit::usage, "", "--without is of a site alone, which all gateways are told");
    }
    const bool alone = !of_site || given.has("here");
    if (alone || !wrong_request("", request).empty()) {
        return ask(given, request).map([](const json& answer) {
            return ToldAll{answer, {{{{"here", true}}, answer}}};
        });
    }
    const auto now = ask(given, {{"command", "sites"}});
    if (!now) {
        return tl::unexpected(now.error());
    }
    const auto to = recipients(given, now->value("gateways", json::array()));
    return to ? tell_all(given.text("socket"), *to,
                         {"sites", {{"order", request}}, now->value("digest", "")})
              : tl::unexpected(to.error());
}

// What became of it here, and beside it at the others.
Result<json> at_its_end(const std::string& socket, ToldAll told) {
    if (const auto followed = follow_to_end(socket, told.each); !followed) {
        return tl::unexpected(followed.error());
    }
    for (const Answered& at : told.each) {
        if (at.gateway.value("here", false)) {
            told.here["disabled"] = at.answer["disabled"];
        } else {
            told.here["elsewhere"].push_back(
                {{"gateway", at.gateway["gateway"]}, {"disabled", at.answer["disabled"]}});
        }
    }
    return told.here;
}

Result<Exit> order(const std::string& mode, const Given& given) {
    const json request = request_for(mode, given);
    const auto told = give(given, request);
    auto answer = told.map(&ToldAll::here);
    if (!told && !wrong_request("", request).empty()) {
        // Not sent: vipd, where it is there, says what else is wrong.
        const auto whole = ask_vipd(given.text("socket"), request);
        answer = !whole && whole.error().kind == Exit::usage ? whole : answer;
    }
    if (told && mode == "weak" && given.has("wait")) {
        answer = at_its_end(given.text("socket"), *told);
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
        options.push_back(Option::flag(
            "wait", "until its flows have ended, at all gateways told, with progress"));
    }
    if (mode != "enable") {
        options.push_back(Option::flag("anyway", "also where nobody else is there"));
    }
    add_recipients(options);
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
        "  vipctl mask site old --here           as far as this gateway places\n"
        "  vipctl mask site old --without old-gw as all others do; that one is down\n\n"
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
        "ends its own flows at that rate; --wait follows all that were told.");
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
