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
    return fmt::format("by {} to {}{}", text(out, "port"), text(out, "next_hop"),
                       link == "-" ? ", which the kernel has yet to resolve" : " at " + link);
}

}  // namespace

std::string show_why(const json& answer) {
    std::string out = fmt::format("{}\nin by {}\n", text(answer, "packet"), text(answer, "port"));
    for (const json& step : answer.value("steps", json::array())) {
        out += fmt::format("  {:<9} {}\n", text(step, "stage"), text(step, "text"));
    }
    const std::string way = text(answer, "way");
    const json drop = answer.value("drop", json::object());
    out += way == "forward" ? "forwarded " + way_text(answer.value("out", json::object()))
           : way == "punt"  ? "to the kernel"
           : way == "consumed"
               ? "for vipd itself"
               : fmt::format("dropped: {}: {}", text(drop, "reason"), text(drop, "meaning"));
    out += "\n";
    for (const json& packet : answer.value("packets", json::array())) {
        out += fmt::format("  {}\n", packet.is_string() ? packet.get<std::string>() : "-");
    }
    for (const json& emitted : answer.value("emitted", json::array())) {
        out += fmt::format("sent {}\n  {}\n", way_text(emitted), text(emitted, "packet"));
    }
    return out;
}

}  // namespace rehome
