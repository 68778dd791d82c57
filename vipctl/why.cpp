// vipctl why and vipctl metrics: one question, one answer.
#include <nlohmann/json.hpp>

#include "common/why_text.h"
#include "vipctl/commands.h"

namespace rehome::vipctl {

namespace {

using nlohmann::json;

Result<Exit> why(const Given& given) {
    if (!given.has("packet")) {
        return fail(Exit::usage, "vipctl why",
                    "expected a packet, such as \"tcp 192.0.2.1:1 > 192.0.2.2:80 syn\"");
    }
    const auto answer = ask(given, request_for("why", given));
    const auto printed = print(given, answer, show_why);
    return printed ? exit_of_why(*answer) : printed;
}

}  // namespace

Command why_command() {
    return {
        "why",
        "what vipd would do with a packet, decision by decision",
        "  vipctl why \"tcp 198.51.100.7:40000 > 203.0.113.5:14000 syn\"\n"
        "  vipctl why --port servers \"udp 10.1.1.11:53 > 198.51.100.7:4000 len 80\"\n\n"
        "Asks with the live flows, and changes nothing. The language of packets is told by\n"
        "`vipd why --help`. Without --port it comes in as the route to its sender says. Exit: 1\n"
        "when the packet would be dropped, 4 when it has to wait first.",
        {Option::text("packet", "the packet, as text").positional(),
         Option::text("port", "the port that it comes in by; else by the route to its sender")},
        why};
}

Command metrics_command() {
    return {"metrics",
            "all counters in Prometheus' text format",
            "  vipctl metrics >/var/lib/prometheus/node-exporter/vipd.prom",
            {},
            [](const Given& given) {
                return print(given, ask(given, request_for("metrics", given)),
                             [](const json& answer) { return answer.value("text", ""); });
            }};
}

}  // namespace rehome::vipctl
