// vipctl explain: a client and its VIPs, both directions, ending in causes.
#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "common/why_text.h"
#include "vipctl/commands.h"

namespace rehome::vipctl {

namespace {

using nlohmann::json;

std::string text(const json& object, const char* key) {
    const json value = object.is_object() ? object.value(key, json()) : json();
    return value.is_string() ? value.get<std::string>() : "-";
}

json list(const json& object, const char* key) {
    const json value = object.is_object() ? object.value(key, json()) : json();
    return value.is_array() ? value : json::array();
}

// The same as `vipctl why` tells, further in.
std::string indented(const std::string& told) {
    std::string out, line;
    for (const char c : told) {
        line += c;
        if (c == '\n') {
            out += "    " + std::exchange(line, "");
        }
    }
    return out;
}

std::string show_try(const json& tried) {
    const json in = tried.value("in", json::object()), back = tried.value("back", json());
    std::string out = fmt::format("  in      {}", indented(show_why(in)).substr(4));
    if (back.is_object()) {
        out += fmt::format("  back    {}", indented(show_why(back)).substr(4));
    }
    return out;
}

std::string show_vip(const json& vip) {
    const std::string served = text(vip, "served");
    std::string out = fmt::format(
        "\n{} {} {}: {}\n", text(vip, "protocol"), text(vip, "vip"),
        text(vip, "service") == "-" ? "" : "(" + text(vip, "service") + ")",
        served == "yes"       ? "served"
        : served == "no"      ? "NOT SERVED"
        : served == "in part" ? "SERVED IN PART"
                              : "CANNOT TELL: a next hop has yet to be resolved; ask again");
    if (const json line = vip.value("line", json()); line.is_object()) {
        out += fmt::format("  line    {}, {}{}\n", text(line, "carrier"), text(line, "state"),
                           line.value("routed", false) ? "" : ": likely, as no route says so");
    }
    const json tries = list(vip, "tries");
    for (const json& tried : tries) {
        if (text(tried, "served") != "yes" || tries.size() == 1) {
            out += show_try(tried);
        }
    }
    for (const json& cause : list(vip, "causes")) {
        out += fmt::format("  {}   {}\n  mend    {}\n",
                           cause.value("serves", false) ? "note " : "CAUSE", text(cause, "text"),
                           text(cause, "mend"));
    }
    return out;
}

std::string show(const json& answer) {
    std::string out =
        fmt::format("client {} at gateway {} of site {}, {}\n", text(answer, "client"),
                    text(answer, "gateway"), text(answer, "site"), text(answer, "at"));
    for (const json& flow : list(answer, "flows")) {
        const bool relayed = flow.contains("peer");
        out += fmt::format("flow   {} to {}: {}, {} {}, back by {}\n", text(flow, "client"),
                           text(flow, "vip"), text(flow, "state"), relayed ? "at" : "server",
                           text(flow, relayed ? "peer" : "server"), text(flow, "way_back"));
    }
    for (const json& vip : list(answer, "vips")) {
        out += show_vip(vip);
    }
    return out;
}

Exit exit_of(const json& answer) {
    bool all = true, unknown = false;
    for (const json& vip : list(answer, "vips")) {
        unknown = unknown || text(vip, "served") == "unknown";
        all = all && (text(vip, "served") == "yes" || text(vip, "served") == "unknown");
    }
    return !all ? Exit::no : unknown ? Exit::unknown : Exit::yes;
}

Result<Exit> explain(const Given& given) {
    if (!given.has("client")) {
        return fail(Exit::usage, "vipctl explain", "expected a CLIENT, such as 198.51.100.7");
    }
    const auto answer = ask(given, request_for("explain", given));
    const auto printed = print(given, answer, show);
    return printed ? exit_of(*answer) : printed;
}

}  // namespace

Command explain_command() {
    return {"explain",
            "why a client is served or not, and what mends it",
            "  vipctl explain 198.51.100.7\n"
            "  vipctl explain 198.51.100.7:40000 203.0.113.5:14000\n"
            "  vipctl explain 2001:db8::7 meters\n\n"
            "A first packet is rehearsed to each server that the client may get, and what the\n"
            "server would say, with the live flows; nothing is sent or changed. Exit: 0 served,\n"
            "1 not served, or in part, with the cause and what mends it, 4 cannot tell yet.",
            {Option::text("client", "its address, or address and port").positional(),
             Option::text("vip", "an address and port, an address or a service; else all")
                 .positional()},
            explain};
}

}  // namespace rehome::vipctl
