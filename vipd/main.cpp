// vipd: the forwarder on a gateway host.
#include <csignal>
#include <cstdio>

#include <sys/signalfd.h>
#include <unistd.h>

#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "common/command.h"
#include "vipd/adapter/config_file.h"
#include "vipd/core/drop.h"
#include "vipd/daemon.h"

namespace rehome {
namespace {

namespace po = boost::program_options;

void config_option(po::options_description& options, po::positional_options_description&) {
    options.add_options()("config",
                          po::value<std::string>()->default_value("/etc/rehome/vipd.json"),
                          "vipd's configuration, vipd.json(5)");
}

// SIGTERM and SIGINT as a readable file descriptor; blocked before any thread is started.
int stop_signals() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, nullptr);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

Result<Exit> run_gateway(const po::variables_map& options) {
    const auto path = options["config"].as<std::string>();
    auto config = read_config(path);
    if (!config) {
        return print_mistakes(config.error());
    }
    const int stop_fd = stop_signals();
    auto daemon = Daemon::start(path, std::move(*config));
    if (!daemon) {
        return tl::unexpected(daemon.error());
    }
    fmt::print("vipd: ready\n");
    std::fflush(stdout);
    if (auto done = (*daemon)->run(stop_fd); !done) {
        return tl::unexpected(done.error());
    }
    ::close(stop_fd);
    fmt::print("vipd: stopped\n");
    return Exit::yes;
}

Result<Exit> check_config(const po::variables_map& options) {
    const auto path = options["config"].as<std::string>();
    const auto config = read_config(path);
    if (!config) {
        return print_mistakes(config.error());
    }
    fmt::print("{}: gateway {} at site {}: {} ports, {} lines, {} peers, {} services\n", path,
               config->gateway, config->site, config->ports.size(), config->lines.size(),
               config->peers.size(), config->services.size());
    return Exit::yes;
}

void drops_options(po::options_description& options, po::positional_options_description&) {
    options.add_options()("json", "print the result as JSON");
}

Result<Exit> list_drops(const po::variables_map& options) {
    nlohmann::json list = nlohmann::json::array();
    for (const auto& entry : drop_names) {
        list.push_back({{"reason", entry.name}, {"meaning", entry.meaning}});
        if (!options.contains("json")) {
            fmt::print("{:<20} {}\n", entry.name, entry.meaning);
        }
    }
    if (options.contains("json")) {
        fmt::print("{}\n", list.dump(2));
    }
    return Exit::yes;
}

}  // namespace
}  // namespace rehome

int main(int argc, char** argv) {
    using namespace rehome;
    Program program;
    program.name = "vipd";
    program.summary = "serve the pinned VIPs of this gateway and relay between the sites";
    program.teaching =
        "vipd takes over the ports named in its configuration, gives each a TAP twin in the kernel "
        "for\n"
        "addresses, BGP and SSH, and forwards what is for a VIP.  Speak to it with vipctl(8).";
    program.commands = {
        {"run", "forward until SIGTERM",
         "  vipd run --config /etc/rehome/vipd.json\n\n"
         "Prints \"vipd: ready\" once packets are forwarded and the prefixes' kernel routes are "
         "held.",
         config_option, run_gateway},
        {"check", "read the configuration and tell its mistakes",
         "  vipd check --config vipd.json\n\nNothing is opened or changed.", config_option,
         check_config},
        {"drops", "list the reasons for which packets are dropped",
         "  vipd drops\n\nThe names are those of vipctl stats, of the metrics and of captures.",
         drops_options, list_drops},
    };
    return run_program(program, argc, argv);
}
