// probe reflect: the STAMP reflector that runs on the servers.
#include <fmt/format.h>

#include <iostream>
#include <nlohmann/json.hpp>

#include "probe/adapter/privilege.h"
#include "probe/adapter/receive_buffer.h"
#include "probe/adapter/reflect_loop.h"
#include "probe/adapter/system_clock.h"
#include "probe/command/commands.h"

namespace rehome::probe {

namespace {

constexpr char teaching[] =
    "Answers STAMP test packets (RFC 8762, unauthenticated, stateless) until SIGTERM or SIGINT,\n"
    "then prints what it did. An answer is as long as its request and leaves from the address "
    "that\n"
    "was asked. Requests from the reflector's own port or from port 862 are refused, so that two\n"
    "reflectors never answer each other.\n"
    "\n"
    "Examples:\n"
    "  probe reflect\n"
    "  probe reflect --listen 10.1.1.11 --port 8620 --max-rate 1000 --json\n";

const std::vector<Option> options{
    Option::text("listen", "only there; else everywhere").shown_as("IP"),
    Option::integer("port", "UDP port")
        .shown_as("PORT")
        .by_default(std::to_string(stamp_port))
        .within(1, 65535),
    Option::number("max-rate", "answers a second at most").shown_as("PPS").by_default("100000"),
    Option::flag("json", "print the counters as JSON (rehome/probe-reflect/1)"),
};

// dropped: by our sockets' full buffers, which the other side sees as loss.
std::string shown(const Reflector& reflector, uint64_t dropped, bool json) {
    nlohmann::ordered_json counters{{"receive_dropped", dropped}};
    std::string text = fmt::format("{:<18} {}\n", "receive_dropped", dropped);
    for (size_t i = 0; i < reflections; ++i) {
        const auto what = std::string(name(static_cast<Reflection>(i)));
        counters[what] = reflector.counters()[i];
        text += fmt::format("{:<18} {}\n", what, reflector.counters()[i]);
    }
    const nlohmann::ordered_json result = {{"schema", "rehome/probe-reflect/1"},
                                           {"packets", counters}};
    return json ? result.dump() + "\n" : text;
}

Result<Exit> act(const Given& given) {
    std::optional<Address> listen;
    if (given.has("listen")) {
        const auto address = Address::parse(given.text("listen"));
        if (!address) {
            return fail(Exit::usage, "--listen", address.error().text());
        }
        listen = *address;
    }
    const auto port = static_cast<uint16_t>(given.integer("port"));
    const double rate = given.number("max-rate");
    if (rate < 1 || rate > 1e9) {
        return fail(Exit::usage, "--max-rate", "expected 1 to 1000000000");
    }
    const auto sockets = open_reflector(listen, port);
    if (!sockets) {
        return tl::unexpected(sockets.error());
    }
    if (const auto dropped = drop_privileges(); !dropped) {
        return tl::unexpected(dropped.error());
    }
    const ClockQuality clock = clock_quality();
    Reflector reflector(port, rate, error_estimate(clock.error, clock.synchronised));
    if (const auto ended = reflect(*sockets, reflector); !ended) {
        return tl::unexpected(ended.error());
    }
    uint64_t dropped = 0;
    for (const Fd& fd : *sockets) {
        dropped += receive_drops(fd.get());
    }
    std::cout << shown(reflector, dropped, given.has("json"));
    return Exit::yes;
}

}  // namespace

Command reflect_command() {
    return {.name = "reflect",
            .summary = "answer UDP probes (STAMP) until stopped",
            .teaching = teaching,
            .options = options,
            .act = act};
}

}  // namespace rehome::probe
