#include "common/why_text.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>

namespace rehome {

namespace {

using nlohmann::json;

std::string text(const json& object, const char* key) {
    const json value = object.is_object() ? object.value(key, json()) : json();
    return value.is_string() ? value.get<std::string>() : "-";
}

std::string way_text(const json& out) {
    const std::string link = text(out, "link_address");
    const std::string to = fmt::format("by {} to {}", text(out, "port"), text(out, "next_hop"));
    return link != "-"                  ? to + " at " + link
           : out.value("failed", false) ? to + ", which does not answer"
                                        : to + ", which the kernel has yet to resolve";
}

std::string end_text(const json& answer) {
    const std::string way = text(answer, "way");
    const json drop = answer.value("drop", json::object());
    if (way == "forward") {
        return "forwarded " + way_text(answer.value("out", json::object()));
    }
    if (way == "wait") {
        return answer.contains("out")
                   ? fmt::format("waits to leave {}; dropped as no_neighbour after 1 s",
                                 way_text(answer["out"]))
                   : "waits for its datagram's first fragment, which has the ports";
    }
    return way == "punt" ? "to the kernel"
           : way == "consumed"
               ? "for vipd itself"
               : fmt::format("dropped: {}: {}", text(drop, "reason"), text(drop, "meaning"));
}

}  // namespace

std::string show_why(const json& answer) {
    std::string out = fmt::format("{}\nin by {}\n", text(answer, "packet"), text(answer, "port"));
    for (const json& step : answer.value("steps", json::array())) {
        out += fmt::format("  {:<9} {}\n", text(step, "stage"), text(step, "text"));
    }
    out += end_text(answer) + "\n";
    for (const json& packet : answer.value("packets", json::array())) {
        out += fmt::format("  {}\n", packet.is_string() ? packet.get<std::string>() : "-");
    }
    for (const json& emitted : answer.value("emitted", json::array())) {
        out += fmt::format("{} {}\n  {}\n",
                           text(emitted, "link_address") == "-" ? "to be sent" : "sent",
                           way_text(emitted), text(emitted, "packet"));
    }
    return out;
}

Exit exit_of_why(const json& answer) {
    const std::string way = text(answer, "way");
    return way == "drop" ? Exit::no : way == "wait" ? Exit::unknown : Exit::yes;
}

}  // namespace rehome
