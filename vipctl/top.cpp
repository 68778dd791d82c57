// vipctl top: what was counted since the question before, refreshed on a terminal.
#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>

#include <nlohmann/json.hpp>

#include "common/stop_signal.h"
#include "vipctl/commands.h"
#include "vipctl/screen.h"

namespace rehome::vipctl {

namespace {

using nlohmann::json;

std::string text(const json& object, const char* key) {
    const json value = object.value(key, json());
    return value.is_string() ? value.get<std::string>() : value.dump();
}

std::string show(const json& answer) {
    const double seconds = std::max(answer.value("seconds", 0.0), 1e-3);
    const auto rate = [&](const json& entry, const char* key) {
        return static_cast<double>(entry.value(key, uint64_t{0})) / seconds;
    };
    const double all = std::max(rate(answer, "packets"), 1.0);
    std::string out =
        fmt::format("{}  {:.1f} s, {:.0f} packets/s to and from VIPs, sampled 1 in {}\n\n",
                    text(answer, "at"), seconds, rate(answer, "packets"), text(answer, "one_in"));
    out += fmt::format("{:>12} {:>12} {:>7}  {}\n", "packets/s", "Mbit/s", "share",
                       text(answer, "by"));
    for (const json& entry : answer.value("entries", json::array())) {
        const std::string name = entry.value("name", "");
        out += fmt::format("{:>12.0f} {:>12.2f} {:>6.1f}%  {}{}\n", rate(entry, "packets"),
                           rate(entry, "bytes") * 8 / 1e6, rate(entry, "packets") / all * 100,
                           text(entry, "key"), name.empty() ? "" : " (" + name + ")");
    }
    return out;
}

Result<Exit> top(const Given& given) {
    const auto seconds = given.integer("seconds");
    json request = request_for("top", given);
    request["fresh"] = true;
    const bool refresh = isatty(STDOUT_FILENO) != 0 && !given.has("json");
    const auto stop = StopSignal::watch();
    if (!stop) {
        return tl::unexpected(stop.error());
    }
    auto answer = ask(given, request);  // begins to count
    for (bool first = true; answer && !stop->wanted() && (first || refresh); first = false) {
        stop->wait(std::chrono::seconds(seconds));
        request["stop"] = stop->wanted() || !refresh;
        answer = ask(given, request);
        if (answer && refresh && !stop->wanted()) {
            draw(show(*answer));
        }
    }
    if (!answer) {
        return tl::unexpected(answer.error());
    }
    if (refresh) {
        ask(given, {{"command", "top"}, {"stop", true}});
        return Exit::yes;
    }
    return print(given, answer, show);
}

}  // namespace

Command top_command() {
    return {
        "top",
        "the busiest clients, VIPs or servers",
        "  vipctl top --by vip\n  vipctl top --by client --seconds 10 --json\n\n"
        "Refreshed every --seconds on a terminal until Ctrl-C, once otherwise. Counted are the\n"
        "packets to VIPs and the replies, one in 64 of them, while somebody looks: figures are\n"
        "estimates, and small ones say little.",
        {Option::text("by", "client, vip or server").by_default("client"),
         Option::integer("seconds", "how long to count, 1 to 60").by_default("2").within(1, 60),
         Option::integer("limit", "how many to tell").by_default("20")},
        top};
}

}  // namespace rehome::vipctl
