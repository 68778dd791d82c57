// vipctl access, limit and admission: who may begin what, told to all gateways.
#include <algorithm>
#include <cstdio>

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "common/control_request.h"
#include "common/json/file.h"
#include "vipctl/client.h"
#include "vipctl/commands.h"
#include "vipctl/gateways.h"
#include "vipctl/rules_edit.h"
#include "vipctl/show.h"

namespace rehome::vipctl {

namespace {

using nlohmann::json;

std::string rate_text(const json& of) {
    return of.contains("per_s") ? fmt::format("{:.10g} a second", of.value("per_s", 0.0))
                                : std::string("without a limit");
}

std::string show_limits(const json& limits) {
    std::string out;
    if (limits.contains("clients")) {
        const json& clients = limits["clients"];
        out += fmt::format("limit    clients (/{}, /{}): {}\n", clients.value("ipv4_length", 32),
                           clients.value("ipv6_length", 56), rate_text(clients));
        for (const json& except : clients.value("except", json::array())) {
            out += fmt::format("limit    but {}: {}\n",
                               fmt::join(except.value("clients", std::vector<std::string>{}), ", "),
                               rate_text(except));
        }
    }
    for (const json& one : limits.value("services", json::array())) {
        out += fmt::format("limit    service {}: {}\n", one.value("service", ""), rate_text(one));
    }
    for (const json& one : limits.value("vips", json::array())) {
        out += fmt::format("limit    VIP {}: {}\n", one.value("vip", ""), rate_text(one));
    }
    return out;
}

std::string show_rules(const json& answer) {
    std::string out = "access   " + show_access_state(answer);
    for (const json& list : answer["rules"].value("lists", json::array())) {
        out += fmt::format("list     {}: {} prefixes\n", list.value("name", ""),
                           list.value("clients", json::array()).size());
    }
    for (const json& one : answer.value("decided", json::array())) {
        out += fmt::format("{:>14} {:<7} {}\n", one.value("packets", uint64_t{0}),
                           one.value("action", ""), one.value("rule", ""));
    }
    return out + show_limits(answer["rules"].value("limits", json::object()));
}

std::string show_accessed(const json& answer) {
    std::string out;
    for (const json& one : answer.value("dry_run", json::array())) {
        const json cut = one.value("would_cut", json());
        out += fmt::format(
            "{}: would cut {} live flows; {} rules expanded, built in {:.3g} s, "
            "{:.3g} MiB\n",
            one.value("gateway", ""), cut.is_null() ? "an unknown number of" : cut.dump(),
            one.value("expanded", 0), one.value("build_s", 0.0), one.value("mib", 0.0));
    }
    if (answer.contains("dry_run")) {
        return out;
    }
    return answer.contains("told")
               ? fmt::format("in force at {}: {}; built in {:.3g} s, {:.3g} MiB\n{}",
                             fmt::join(answer.value("told", json::array()), ", "),
                             answer.value("digest", ""), answer.value("build_s", 0.0),
                             answer.value("mib", 0.0), show_left_out(answer))
               : show_rules(answer);
}

using Edit = std::function<Result<>(json& document)>;

// What is named in the document and is no list of it is taken from placement's lists, as they are
// now, so that one list of the staff serves both.
Result<> take_lists(const Given& given, json& document) {
    const auto missing = lists_missing(document);
    if (missing.empty()) {
        return {};
    }
    const auto placement = ask(given, {{"command", "placement"}});
    if (!placement) {
        return tl::unexpected(placement.error());
    }
    const json rules = placement->value("rules", json::object());
    for (const json& list : rules.value("lists", json::array())) {
        if (missing.contains(list.value("name", ""))) {
            document["lists"].push_back(list);
        }
    }
    return {};
}

// Shows what is in force where there is nothing to change, else changes it at all gateways.
Result<Exit> change(const Given& given, const Edit& edit) {
    auto now = ask(given, {{"command", "access"}});
    if (!now || !edit) {
        return print(given, now, show_accessed);
    }
    json document = now->value("rules", json::object());
    if (const auto edited = edit(document); !edited) {
        return tl::unexpected(edited.error());
    }
    if (const auto taken = take_lists(given, document); !taken) {
        return tl::unexpected(taken.error());
    }
    const auto to = recipients(given, now->value("gateways", json::array()));
    if (!to) {
        return tl::unexpected(to.error());
    }
    const OrderToAll order{"access", {{"rules", document}}, now->value("digest", "")};
    if (given.has("dry-run")) {
        const auto tried = try_at_all(given.text("socket"), to->gateways, order);
        return print(
            given,
            tried ? Result<json>(json{{"schema", "rehome/vipd-accessed/1"}, {"dry_run", *tried}})
                  : tl::unexpected(tried.error()),
            show_accessed);
    }
    const auto told = tell_all(given.text("socket"), *to, order);
    return print_order(given, told.map(&ToldAll::here), show_accessed);
}

// One rule before the others.
Result<Exit> accept(const Given& given) {
    const std::string clients = given.text("accept"), service = given.text("service");
    if (given.has("file")) {
        return fail(Exit::usage, "vipctl access", "expected --file FILE or --accept CLIENTS");
    }
    return change(given, [&](json& document) -> Result<> {
        if (!given.has("none")) {
            // It may be said again: it is how all gateways are told once more.
            add_accepted(document, clients, service);
        } else if (!drop_accepted(document, clients, service)) {
            return fail(Exit::no, "",
                        in_quotes(clients) + " is accepted by no such rule, expected one that is");
        }
        return {};
    });
}

Result<Exit> access(const Given& given) {
    if (given.has("accept")) {
        return accept(given);
    }
    if (given.has("file") && given.has("none")) {
        return fail(Exit::usage, "vipctl access", "expected --file FILE or --none");
    }
    if (given.has("service")) {
        return fail(Exit::usage, "vipctl access",
                    "--service is given alone, expected --accept CLIENTS with it");
    }
    if (!given.has("file") && !given.has("none")) {
        return change(given, nullptr);
    }
    json document;
    if (given.has("file")) {
        const auto text = read_file(given.text("file"), 64U << 20);
        if (!text) {
            return tl::unexpected(text.error());
        }
        auto read = parse_object(given.text("file"), *text, "rehome/vipd-access/1");
        if (!read) {
            return tl::unexpected(read.error());
        }
        document = std::move(*read);
    }
    return change(given, [&](json& now) -> Result<> {
        now = given.has("file") ? document
                                : json{{"schema", "rehome/vipd-access/1"}, {"default", "accept"}};
        return {};
    });
}

Result<Exit> limit(const Given& given) {
    const std::string what = given.text("what"), rate = given.text("rate");
    if (what.empty() != rate.empty()) {
        return fail(Exit::usage, "vipctl limit", "expected WHAT and RATE");
    }
    if (what.empty()) {
        return change(given, nullptr);
    }
    json options = json::object();
    for (const char* name : {"burst", "ipv4-length", "ipv6-length"}) {
        if (given.has(name)) {
            std::string key = name;
            std::replace(key.begin(), key.end(), '-', '_');
            options[key] = std::string_view(name) == "burst" ? json(given.number(name))
                                                             : json(given.integer(name));
        }
    }
    return change(given, [&](json& document) { return edit_limit(document, what, rate, options); });
}

Result<Exit> admission(const Given& given) {
    if (!given.has("percent")) {
        return change(given, nullptr);
    }
    return change(given, [&](json& document) -> Result<> {
        const double percent = given.number("percent");
        if (percent == 100) {
            document.erase("admission");
        } else {
            document["admission"] = {{"percent", percent},
                                     {"refuse", given.has("silence") ? "silence" : "reset"}};
        }
        return {};
    });
}

std::vector<Option> with_common(std::vector<Option> options) {
    add_recipients(options);
    options.push_back(Option::flag("dry-run", "change nothing; how many live flows would it cut?"));
    return options;
}

}  // namespace

Command access_command() {
    return {
        "access", "show or set access rules, limits and admission",
        "  vipctl access                       what is in force, and what each rule decided\n"
        "  vipctl access --file rules.json     all of it: rehome/vipd-access/1\n"
        "  vipctl access --file rules.json --dry-run\n"
        "  vipctl access --none                nothing any more\n"
        "  vipctl access --accept 198.51.100.7 --service meters\n"
        "                                      by a rule before all others\n"
        "  vipctl access --accept 198.51.100.7 --service meters --none\n"
        "                                      no such rule any more\n\n"
        "All gateways are told, or none.  The rules are built aside while those before serve;\n"
        "then they hold for live flows too, in both directions, from their next packet on.",
        with_common(
            {Option::text("file", "the whole document").shown_as("FILE"),
             Option::text("accept", "a prefix, an address or a list, that may").shown_as("CLIENTS"),
             Option::text("service", "of this service alone"),
             Option::flag("none",
                          "no rules, no limits, all are admitted; with "
                          "--accept: no such rule")}),
        access};
}

Command limit_command() {
    return {
        "limit", "show or set how many flows may begin a second",
        "  vipctl limit                              what is set\n"
        "  vipctl limit clients 20 --burst 40        of each client's address (IPv6: /56)\n"
        "  vipctl limit except:nat 2000              but of those of a list, or a prefix\n"
        "  vipctl limit except:192.0.2.0/24 unlimited\n"
        "  vipctl limit service:game 5000\n"
        "  vipctl limit vip:198.51.100.10 10000\n"
        "  vipctl limit clients none                 not any more\n\n"
        "Each gateway counts what comes in by its lines, all workers together.  What is beyond\n"
        "is dropped, and nothing is said; flows that live are left alone.",
        with_common({Option::text("what", "clients, except:CLIENTS, service:NAME, vip:ADDRESS")
                         .shown_as("WHAT")
                         .positional(),
                     Option::text("rate", "new flows a second, unlimited, or none")
                         .shown_as("RATE")
                         .positional(),
                     Option::number("burst", "how many may come at once").shown_as("N"),
                     Option::integer("ipv4-length", "of clients' prefixes").shown_as("BITS"),
                     Option::integer("ipv6-length", "of clients' prefixes").shown_as("BITS")}),
        limit};
}

Command admission_command() {
    return {
        "admission", "show or set which part of the clients may begin flows",
        "  vipctl admission                 what is in force\n"
        "  vipctl admission 40              40 % of the clients, the same ones all the while\n"
        "  vipctl admission 40 --silence    the others are told nothing\n"
        "  vipctl admission 100             everybody again\n\n"
        "By a hash of the client's address, at all gateways alike; a smaller part lies within a\n"
        "larger one.  Flows that live are left alone.  Who is turned away gets a reset (of UDP:\n"
        "port unreachable), as many as closed ports are answered.  Maps know no flows.",
        with_common({Option::number("percent", "of the clients").shown_as("PERCENT").positional(),
                     Option::flag("silence", "who is turned away is told nothing")}),
        admission};
}

}  // namespace rehome::vipctl
