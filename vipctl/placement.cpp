// vipctl weights, set, list and tell: who is served where, told to all gateways.
#include <unistd.h>

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

std::string of_text(const json& of) {
    const std::string service = of.value("service", "");
    return service.empty() ? "all services" : "service " + service;
}

std::string show_rules(const json& rules) {
    std::string out;
    for (const json& list : rules.value("lists", json::array())) {
        out += fmt::format("list     {}: {} prefixes\n", list.value("name", ""),
                           list.value("clients", json::array()).size());
    }
    for (const json& set : rules.value("sets", json::array())) {
        out += fmt::format("set      of {}\n", of_text(set));
        for (const json& range : set.value("ranges", json::array())) {
            out += "         " + range.get<std::string>() + "\n";
        }
    }
    for (const json& weights : rules.value("weights", json::array())) {
        std::string sites;
        const json parts = weights.value("sites", json::object());
        for (const auto& [site, percent] : parts.items()) {
            sites += fmt::format(" {}={:.10g}", site, percent.get<double>());
        }
        out += fmt::format("weights  of {}, by {}:{}\n", of_text(weights),
                           weights.value("by", "address"), sites);
    }
    return out.empty() ? "no sets, no weights\n" : out;
}

std::string show_placed(const json& placed) {
    if (!placed.contains("told")) {
        return show_rules(placed.value("rules", json::object()));
    }
    return fmt::format("in force at {}: {}\n{}",
                       fmt::join(placed.value("told", json::array()), ", "),
                       placed.value("digest", ""), show_left_out(placed));
}

using Edit = std::function<Result<>(json& rules)>;

// Shows the rules where there is nothing to change, else changes them at all gateways.
Result<Exit> change(const Given& given, const Edit& edit) {
    auto now = ask(given, {{"command", "placement"}});
    if (!now || !edit) {
        return print(given, now, show_placed);
    }
    json rules = now->value("rules", json::object());
    if (const auto edited = edit(rules); !edited) {
        return tl::unexpected(edited.error());
    }
    const auto to = recipients(given, now->value("gateways", json::array()));
    if (!to) {
        return tl::unexpected(to.error());
    }
    json with{{"rules", rules}};
    if (given.has("break-maps")) {
        with["break-maps"] = true;
    }
    const auto told =
        tell_all(given.text("socket"), *to, {"placement", with, now->value("digest", "")});
    return print_order(given, told.map(&ToldAll::here), show_placed);
}

Result<Exit> weights(const Given& given) {
    const std::string text = given.text("weights");
    if (text.empty()) {
        return change(given, nullptr);
    }
    const auto sites = text == "none" ? Result<json>(json()) : parse_weights(text);
    if (!sites) {
        return tl::unexpected(sites.error());
    }
    return change(given, [&](json& rules) -> Result<> {
        const std::string service = given.text("service");
        const bool done = edit_weights(rules, service, given.text("by"), *sites);
        // Of all services it may be said again: it is how all gateways are told once more.
        return done || service.empty()
                   ? Result<>()
                   : fail(Exit::no, "",
                          in_quotes(service) + " has no weights, expected one that has");
    });
}

Result<Exit> set(const Given& given) {
    const std::string clients = given.text("clients"), site = given.text("site");
    if (given.has("file") ? !clients.empty() : clients.empty() != site.empty()) {
        return fail(Exit::usage, "vipctl set", "expected CLIENTS and SITE, or --file FILE");
    }
    if (!given.has("file") && clients.empty()) {
        return change(given, nullptr);
    }
    const auto text = given.has("file") ? read_file(given.text("file")) : Result<std::string>();
    if (!text) {
        return tl::unexpected(text.error());
    }
    return change(given, [&](json& rules) -> Result<> {
        if (given.has("file")) {
            edit_set(rules, given.text("service"), lines_of(*text));
        } else if (!edit_range(rules, given.text("service"), clients, site)) {
            return fail(Exit::no, "", in_quotes(clients) + " is in no set, expected one that is");
        }
        return {};
    });
}

Result<Exit> list(const Given& given) {
    const std::string name = given.text("name");
    if (name.empty()) {
        return change(given, nullptr);
    }
    if (given.has("file") == given.has("none")) {
        return fail(Exit::usage, "vipctl list", "expected --file FILE or --none");
    }
    const auto text = given.has("file") ? read_file(given.text("file")) : Result<std::string>();
    if (!text) {
        return tl::unexpected(text.error());
    }
    const auto clients = lines_of(*text);
    if (given.has("file") && clients.empty()) {
        return fail(Exit::usage, given.text("file"), "has no clients, expected a prefix a line");
    }
    return change(given, [&](json& rules) -> Result<> {
        return edit_list(rules, name, clients)
                   ? Result<>()
                   : fail(Exit::no, "", "no list is called " + in_quotes(name) + ", expected one");
    });
}

// What another gateway's vipctl asks of the vipd here, over ssh.
Result<Exit> tell(const Given& given) {
    std::string text;
    char buffer[65536];
    for (size_t count = 0; (count = std::fread(buffer, 1, sizeof buffer, stdin)) > 0;) {
        text.append(buffer, count);
    }
    const auto request = parse_request("standard input", text);
    if (!request) {
        return tl::unexpected(request.error());
    }
    // Who told it to waits for as long as it wants.
    const auto answer = ask_vipd(given.text("socket"), *request, std::chrono::seconds(30));
    if (!answer) {
        return tl::unexpected(answer.error());
    }
    fmt::print("{}\n", answer->dump());
    return Exit::yes;
}

std::vector<Option> with_common(std::vector<Option> options) {
    add_recipients(options);
    options.push_back(Option::flag("break-maps", "also where it breaks live flows of maps"));
    return options;
}

const char* const told_all =
    "All gateways are told, or none: who was not reached is listed, and nothing is changed.  Only\n"
    "new flows are placed; a flow that lives stays where it is.";

}  // namespace

Command weights_command() {
    return {
        "weights", "show or set how new clients are divided among sites",
        "  vipctl weights                         what is set\n"
        "  vipctl weights old=90,new=10           of all services\n"
        "  vipctl weights new=100 --service game  all clients of one\n"
        "  vipctl weights none                    none any more\n\n"
        "Each site gets its weight's part of their sum; 0.01 is the least step.  A change of one\n"
        "site's weight moves clients to or from that site alone.  Sets outrank weights.\n\n" +
            std::string(told_all),
        with_common({Option::text("weights", "SITE=PERCENT,..., or none")
                         .shown_as("SITE=PERCENT,...")
                         .positional(),
                     Option::text("service", "of this service alone"),
                     Option::text("by", "address or address-port").by_default("address")}),
        weights};
}

Command set_command() {
    return {"set", "show or set which clients a site gets",
            "  vipctl set                             what is set\n"
            "  vipctl set 198.51.100.0/24 new         one range\n"
            "  vipctl set staff new                   those of a list: see `vipctl list`\n"
            "  vipctl set 198.51.100.0/24 none        not any more\n"
            "  vipctl set --file set.txt              all of it: CLIENTS SITE a line\n\n"
            "The longest prefix decides; the set of a service outranks that of all.\n\n" +
                std::string(told_all),
            with_common({Option::text("clients", "a prefix, an address or a list").positional(),
                         Option::text("site", "the site that gets them, or none").positional(),
                         Option::text("file", "the whole set").shown_as("FILE"),
                         Option::text("service", "of this service alone")}),
            set};
}

Command list_command() {
    return {"list", "show or set named lists of clients",
            "  vipctl list staff --file staff.txt     a prefix a line\n"
            "  vipctl list staff --none               not any more\n\n" +
                std::string(told_all),
            with_common({Option::text("name", "the list").positional(),
                         Option::text("file", "its prefixes").shown_as("FILE"),
                         Option::flag("none", "there is no such list any more")}),
            list};
}

Command tell_command() {
    return {"tell",
            "ask what stands on standard input, a request as JSON",
            "  ssh gw2 vipctl tell <request.json\n\n"
            "By this the vipctl of one gateway tells the others' vipd, over ssh.",
            {},
            tell};
}

}  // namespace rehome::vipctl
