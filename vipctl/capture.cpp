// vipctl capture: asks for the file's bytes several times a second and writes them as they come.
#include <fmt/core.h>
#include <unistd.h>

#include <cstdio>
#include <memory>

#include <nlohmann/json.hpp>

#include "common/base64.h"
#include "common/clock.h"
#include "common/stop_signal.h"
#include "vipctl/commands.h"

namespace rehome::vipctl {

namespace {

using nlohmann::json;

constexpr std::chrono::milliseconds pause{50};

struct CloseFile {
    void operator()(FILE* file) const {
        if (file != stdout) {
            std::fclose(file);
        }
    }
};
using File = std::unique_ptr<FILE, CloseFile>;

Result<> append(FILE* file, const std::string& path, const json& answer, const char* key) {
    const auto bytes = from_base64(answer.value(key, ""));
    if (!bytes) {
        return fail(Exit::world, path, "expected vipd's bytes, got something else");
    }
    if (std::fwrite(bytes->data(), 1, bytes->size(), file) != bytes->size() ||
        std::fflush(file) != 0) {
        return fail(Exit::world, path, "cannot be written");
    }
    return {};
}

json next_request(const std::string& command, const json& answer) {
    return {{"command", command}, {"id", answer["id"]}};
}

void show_progress(const json& answer, bool last) {
    if (last || isatty(STDERR_FILENO) != 0) {
        fmt::print(stderr, "{}{} packets{}{}", isatty(STDERR_FILENO) != 0 ? "\r\033[K" : "",
                   answer.value("packets", uint64_t{0}),
                   answer.value("missed", uint64_t{0}) == 0
                       ? ""
                       : fmt::format(", {} missed", answer.value("missed", uint64_t{0})),
                   last ? "\n" : "");
    }
}

// Until it is full, the time is over, or a signal comes; the last answer.
Result<json> follow(const Given& given, FILE* file, const std::string& path, json answer,
                    const StopSignal& stop) {
    const json read = next_request("capture-read", answer);
    const json end = next_request("capture-stop", answer);
    const int64_t until =
        given.has("seconds") ? monotonic_us() + given.integer("seconds") * 1'000'000 : INT64_MAX;
    while (!stop.wanted() && monotonic_us() < until && !answer.value("full", false)) {
        show_progress(answer, false);
        if (!answer.value("more", false)) {
            stop.wait(pause);
        }
        auto next = ask(given, read);
        if (!next) {
            return next;
        }
        answer = std::move(*next);
        if (auto done = append(file, path, answer, "file"); !done) {
            ask(given, end);
            return tl::unexpected(done.error());
        }
    }
    return ask(given, end);
}

Result<Exit> capture(const Given& given) {
    if (!given.has("out")) {
        return fail(Exit::usage, "vipctl capture", "expected --out FILE, or --out - for a pipe");
    }
    const auto path = given.text("out");
    const bool piped = path == "-";
    if (piped && isatty(STDOUT_FILENO) != 0) {
        return fail(Exit::usage, "vipctl capture", "--out - is a terminal, expected a pipe");
    }
    const auto stop = StopSignal::watch();
    if (!stop) {
        return tl::unexpected(stop.error());
    }
    const auto started = ask(given, request_for("capture", given));
    if (!started) {
        return tl::unexpected(started.error());
    }
    const json end = next_request("capture-stop", *started);
    const File file(piped ? stdout : std::fopen(path.c_str(), "wb"));
    if (!file) {
        ask(given, end);
        return fail(Exit::world, path, "cannot be written");
    }
    if (auto done = append(file.get(), path, *started, "file"); !done) {
        ask(given, end);
        return tl::unexpected(done.error());
    }
    const auto last = follow(given, file.get(), path, *started, *stop);
    if (!last) {
        return tl::unexpected(last.error());
    }
    for (const char* key : {"file", "end"}) {
        if (auto done = append(file.get(), path, *last, key); !done) {
            return tl::unexpected(done.error());
        }
    }
    if (given.has("json") && !piped) {
        const json result{{"schema", "rehome/vipctl-capture/1"},
                          {"out", path},
                          {"packets", last->value("packets", json())},
                          {"missed", last->value("missed", json())}};
        fmt::print("{}\n", result.dump(2));
    } else {
        show_progress(*last, true);
    }
    return Exit::yes;
}

}  // namespace

Command capture_command() {
    return {
        "capture",
        "write packets to a pcapng file, each with what became of it",
        "  vipctl capture --out red.pcapng --port red --seconds 10\n"
        "  vipctl capture --out drops.pcapng --drop all --count 100\n"
        "  vipctl capture --out - --filter \"host 198.51.100.7 and port 443\" | tcpdump -r -\n\n"
        "Packets are kept as they came in; the comment says by which port they left, or why\n"
        "they were dropped. Traffic never waits: what finds no room is counted as missed.\n"
        "Ends with Ctrl-C, --seconds or --count; the file is valid at any time.",
        {Option::text("out", "the file; - is a pipe"),
         Option::integer("count", "end after so many packets"),
         Option::integer("seconds", "end after that time").within(1, UINT32_MAX),
         Option::text("filter", "only these, in pcap-filter(7)'s language"),
         Option::text("drop", "only dropped ones: a reason, or all"),
         Option::text("port", "only by this port"),
         Option::text("direction", "in (unless given), out or both"),
         Option::integer("snap", "keep so many bytes of each")},
        capture};
}

}  // namespace rehome::vipctl
