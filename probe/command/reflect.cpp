// probe reflect: the STAMP reflector that runs on the servers.
#include <fmt/format.h>
#include <sys/random.h>

#include <iostream>
#include <nlohmann/json.hpp>

#include "probe/adapter/key_file.h"
#include "probe/adapter/privilege.h"
#include "probe/adapter/receive_buffer.h"
#include "probe/adapter/reflect_loop.h"
#include "probe/adapter/system_clock.h"
#include "probe/command/commands.h"
#include "probe/command/progress.h"

namespace rehome::probe {

namespace {

constexpr char teaching[] =
    "Answers STAMP test packets (RFC 8762) until SIGTERM or SIGINT, then prints what it did; on\n"
    "SIGUSR1 it prints that too, and on a terminal about once a second. An answer is as long as\n"
    "its request, has its DSCP, and leaves from the address that was asked. Stateful: each "
    "session\n"
    "has numbers of its own, by which probe run tells loss on the way there from loss on the way\n"
    "back. With a key only authenticated requests are answered. TWAMP Light's requests are "
    "answered\n"
    "too, unless there is a key.\n"
    "\n"
    "Refused are requests from ports below 1024, from those of services that answer whoever asks,\n"
    "and what is itself an answer, so that two reflectors never answer each other.\n"
    "\n"
    "Examples:\n"
    "  probe reflect\n"
    "  probe reflect --listen 10.1.1.11 --port 8620 --max-rate 1000 --json\n"
    "  openssl rand -hex 32 >stamp.key && chmod 600 stamp.key && probe reflect --key stamp.key\n";

const std::vector<Option> options{
    Option::text("listen", "only there; else everywhere").shown_as("IP"),
    Option::integer("port", "UDP port")
        .shown_as("PORT")
        .by_default(std::to_string(stamp_port))
        .within(1, 65535),
    Option::flag("stateless", "repeat the sender's numbers"),
    Option::text("key", "authenticated mode, by the key in that file").shown_as("FILE"),
    Option::number("max-rate", "answers a second at most").shown_as("PPS").by_default("100000"),
    Option::number("max-source-rate", "the same to one source (of IPv6 a /64)")
        .shown_as("PPS")
        .by_default("20000"),
    Option::flag("json", "print the counters as JSON (rehome/probe-reflect/1)"),
};

uint64_t dropped_by(const std::vector<Fd>& sockets) {
    uint64_t dropped = 0;
    for (const Fd& fd : sockets) {
        dropped += receive_drops(fd.get());
    }
    return dropped;
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
                                           {"packets", counters},
                                           {"sessions", reflector.sessions()}};
    return json ? result.dump() + "\n"
                : text + fmt::format("{:<18} {}\n", "sessions", reflector.sessions());
}

// One line: what was answered, and what was not where there is any.
std::string live_line(const Reflector& reflector, uint64_t dropped) {
    std::string line = fmt::format("{} sessions", reflector.sessions());
    const auto add = [&line](uint64_t count, std::string_view what) {
        line += count != 0 ? fmt::format(", {} {}", count, what) : "";
    };
    for (size_t i = 0; i < reflections; ++i) {
        add(reflector.counters()[i], name(static_cast<Reflection>(i)));
    }
    add(dropped, "receive_dropped");
    return line;
}

Result<double> rate_from(const Given& given, const std::string& option) {
    const double rate = given.number(option);
    if (rate < 1 || rate > 1e9) {
        return fail(Exit::usage, "--" + option, "expected 1 to 1000000000");
    }
    return rate;
}

// But for what the clock and chance give.
Result<ReflectorAsked> asked_from(const Given& given) {
    const Result<double> rate = rate_from(given, "max-rate");
    const Result<double> source_rate = rate_from(given, "max-source-rate");
    if (!rate || !source_rate) {
        return tl::unexpected(rate ? source_rate.error() : rate.error());
    }
    ReflectorAsked asked{.port = static_cast<uint16_t>(given.integer("port")),
                         .most_pps = *rate,
                         .most_pps_a_source = *source_rate,
                         .stateful = !given.has("stateless")};
    if (given.has("key")) {
        Result<StampKey> key = read_stamp_key(given.text("key"));
        if (!key) {
            return tl::unexpected(key.error());
        }
        asked.key = std::move(*key);
    }
    return asked;
}

Result<std::optional<Address>> listen_from(const Given& given) {
    if (!given.has("listen")) {
        return std::nullopt;
    }
    const auto address = Address::parse(given.text("listen"));
    if (!address) {
        return fail(Exit::usage, "--listen", address.error().text());
    }
    return *address;
}

Result<Exit> act(const Given& given) {
    const auto listen = listen_from(given);
    Result<ReflectorAsked> asked = asked_from(given);
    if (!listen || !asked) {
        return tl::unexpected(listen ? asked.error() : listen.error());
    }
    const auto sockets = open_reflector(*listen, asked->port);
    if (!sockets) {
        return tl::unexpected(sockets.error());
    }
    if (const auto dropped = drop_privileges(); !dropped) {
        return tl::unexpected(dropped.error());
    }
    const ClockQuality clock = clock_quality();
    asked->error_estimate = error_estimate(clock.error, clock.synchronised);
    (void)!getrandom(&asked->secret, sizeof asked->secret, 0);  // cannot fail for so few bytes
    Reflector reflector(std::move(*asked));
    const auto print = [&] {
        std::cout << shown(reflector, dropped_by(*sockets), given.has("json")) << std::flush;
    };
    const auto tick = [&] { show_progress(live_line(reflector, dropped_by(*sockets))); };
    const auto ended = reflect(*sockets, reflector, {.asked = print, .tick = tick});
    end_progress();
    if (!ended) {
        return tl::unexpected(ended.error());
    }
    print();
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
