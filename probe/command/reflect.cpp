// probe reflect: the STAMP reflector that runs on the servers.
#include <fmt/format.h>

#include <cmath>
#include <iostream>
#include <nlohmann/json.hpp>

#include "probe/adapter/privilege.h"
#include "probe/adapter/receive_buffer.h"
#include "probe/adapter/reflect_loop.h"
#include "probe/adapter/system_clock.h"
#include "probe/command/commands.h"

namespace rehome::probe {

namespace {

namespace po = boost::program_options;

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

void options(po::options_description& describe, po::positional_options_description&) {
    auto add = describe.add_options();
    add("listen", po::value<std::string>()->value_name("IP"), "only there; else everywhere");
    add("port", po::value<uint16_t>()->default_value(stamp_port)->value_name("PORT"), "UDP port");
    add("max-rate", po::value<double>()->default_value(100000, "100000")->value_name("PPS"),
        "answers a second at most");
    add("json", po::bool_switch(), "print the counters as JSON (rehome/probe-reflect/1)");
}

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

Result<Exit> act(const po::variables_map& values) {
    std::optional<Address> listen;
    if (values.count("listen") != 0) {
        const auto address = Address::parse(values["listen"].as<std::string>());
        if (!address) {
            return fail(Exit::usage, "--listen", address.error().text());
        }
        listen = *address;
    }
    const uint16_t port = values["port"].as<uint16_t>();
    const double rate = values["max-rate"].as<double>();
    if (port == 0) {
        return fail(Exit::usage, "--port", "is 0, expected 1 to 65535");
    }
    if (!std::isfinite(rate) || rate < 1) {
        return fail(Exit::usage, "--max-rate", "expected 1 or more");
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
    std::cout << shown(reflector, dropped, values["json"].as<bool>());
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
