// wire: a line between two interfaces with its own delay, jitter, loss, duplication and reordering.
//
// The lab's kernel has no netem; this stands between a client network and its carrier.
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>

#include "common/command.h"
#include "tests/lab/wire_relay.h"

namespace rehome::lab {
namespace {

using Strings = std::vector<std::string>;

Result<sockaddr_un> socket_address(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.empty() || path.size() >= sizeof address.sun_path) {
        return fail(Exit::usage, path, "expected a socket path of 1 to 107 bytes");
    }
    std::copy(path.begin(), path.end(), address.sun_path);
    return address;
}

Result<Fd> listen_on(const std::string& path) {
    const auto address = socket_address(path);
    if (!address) return tl::unexpected(address.error());
    unlink(path.c_str());
    Fd fd(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd || bind(fd.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) != 0 ||
        listen(fd.get(), 8) != 0) {
        return fail(Exit::world, path, std::strerror(errno));
    }
    return fd;
}

Result<Exit> run(const Given& given) {
    Impairments impairments;
    if (auto set = apply_settings(impairments, given.texts("setting")); !set) {
        return tl::unexpected(set.error());
    }
    auto up = open_interface(given.text("up"));
    if (!up) return tl::unexpected(up.error());
    auto down = open_interface(given.text("down"));
    if (!down) return tl::unexpected(down.error());
    auto control = listen_on(given.text("control"));
    if (!control) return tl::unexpected(control.error());
    RecordFile records(given.text("record"), static_cast<size_t>(given.integer("record-mib"))
                                                 << 20);
    if (auto opened = records.open(); !opened) return tl::unexpected(opened.error());
    auto stop = StopSignal::watch();
    if (!stop) return tl::unexpected(stop.error());
    // Its delays should not grow with the load of the host; without the right they do.
    setpriority(PRIO_PROCESS, 0, -10);
    Relay relay({std::move(*up), std::move(*down)}, std::move(*control), std::move(*stop),
                std::move(records), static_cast<uint64_t>(given.integer("seed")), impairments);
    if (auto ran = relay.run(); !ran) return tl::unexpected(ran.error());
    return Exit::yes;
}

// Sends one request to a running wire and prints its answer.
Result<Exit> ask(const std::string& path, const std::string& request) {
    const auto address = socket_address(path);
    if (!address) return tl::unexpected(address.error());
    const Fd fd(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    const timeval patience{5, 0};
    std::array<char, 8192> reply{};
    ssize_t length = -1;
    if (fd && setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0 &&
        connect(fd.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) == 0 &&
        send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL) >= 0) {
        length = recv(fd.get(), reply.data(), reply.size(), 0);
    }
    if (length <= 0) {
        return fail(Exit::world, path,
                    fmt::format("no answer from a wire: {}", std::strerror(errno)));
    }
    const std::string_view answer(reply.data(), static_cast<size_t>(length));
    if (answer.starts_with("error: ")) {
        return fail(Exit::usage, "", std::string(answer.substr(7)));
    }
    fmt::print("{}\n", answer);
    return Exit::yes;
}

Result<Exit> show(const Given& given) {
    return ask(given.text("control"), " ");
}

Result<Exit> set(const Given& given) {
    return ask(given.text("control"), fmt::format("{}", fmt::join(given.texts("setting"), " ")));
}

Result<Exit> log(const Given& given) {
    const auto path = given.text("record");
    std::ifstream file(path, std::ios::binary);
    if (!file) {
        return fail(Exit::usage, path, "cannot be read");
    }
    Record record;
    while (file.read(reinterpret_cast<char*>(&record), sizeof record)) {
        fmt::print("{}\n", text(record));
    }
    return Exit::yes;
}

const Option setting_option =
    Option::text("setting", "NAME=VALUE (a word of its own)").positional().repeated();
const Option control_option =
    Option::text("control", "the running wire's control socket").required();

Command run_command() {
    return {.name = "run",
            .summary = "relays between two interfaces until SIGTERM",
            .teaching =
                "Settings, each for both directions or one (up.loss=1%):\n"
                "  delay=15ms jitter=2ms       uniform around the delay, order kept\n"
                "  loss=0.1%                   each packet for itself\n"
                "  burst=0.01% burst-length=20 burst-loss=90%   Gilbert-Elliott\n"
                "  duplicate=0.1%\n"
                "  reorder=0.5% reorder-by=5ms held longer, so overtaken\n"
                "What is no IPv4 is only delayed.\n\n"
                "Example:\n"
                "  wire run --up a --down b --control w.sock --record packets delay=8ms",
            .options = {Option::text("up", "interface on the clients' side").required(),
                        Option::text("down", "interface on the carrier's side").required(),
                        Option::text("record", "file of what was done to each packet").required(),
                        Option::integer("record-mib", "when it is this long it becomes FILE.1")
                            .by_default("64")
                            .within(1, 1 << 20),
                        Option::integer("seed", "the same seed and packets meet the same fate")
                            .by_default("1"),
                        control_option, setting_option},
            .act = run};
}

Program wire() {
    return {
        .name = "wire",
        .summary = "a line with delay, jitter, loss, duplication and reordering",
        .commands = {
            run_command(),
            {.name = "show",
             .summary = "prints a wire's settings and counters, JSON",
             .options = {control_option.positional()},
             .act = show},
            {.name = "set",
             .summary = "changes settings of a running wire",
             .teaching = "Example:\n  wire set w.sock loss=2% up.delay=30ms",
             .options = {control_option.positional(), setting_option},
             .act = set},
            {.name = "log",
             .summary = "prints a record file, a line a packet",
             .options = {Option::text("record", "the file that run wrote").required().positional()},
             .act = log}}};
}

}  // namespace
}  // namespace rehome::lab

int main(int argc, char** argv) {
    return rehome::run_program(rehome::lab::wire(), argc, argv);
}
