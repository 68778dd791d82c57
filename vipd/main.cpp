// vipd: the forwarder on a gateway host.
#include <cstdio>
#include <filesystem>

#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "common/command.h"
#include "common/json/file.h"
#include "common/stop_signal.h"
#include "common/vipd_config/initial.h"
#include "common/why_text.h"
#include "vipd/adapter/config_file.h"
#include "vipd/adapter/keeper.h"
#include "vipd/daemon/daemon.h"
#include "vipd/daemon/offline.h"
#include "vipd/packet/drop.h"
#include "vipd/packet/packet_text.h"
#include "vipd/watch/figures.h"

namespace rehome::vipd {
namespace {

const Option config_option = Option::text("config", "vipd's configuration, vipd.json(5)")
                                 .by_default("/etc/rehome/vipd.json");
const Option json_option = Option::flag("json", "print the result as JSON");

Result<Exit> run_gateway(const Given& given) {
    const auto path = given.text("config");
    auto file = read_config_file(path);
    if (!file) {
        return print_mistakes(file.error());
    }
    const auto stop = StopSignal::watch();
    if (!stop) {
        return tl::unexpected(stop.error());
    }
    auto daemon = Daemon::start(path, std::move(*file));
    if (!daemon) {
        return tl::unexpected(daemon.error());
    }
    fmt::print("vipd: ready\n");
    std::fflush(stdout);
    if (auto done = (*daemon)->run(stop->fd()); !done) {
        return tl::unexpected(done.error());
    }
    if (stop->interrupted()) {
        (*daemon)->withdraw();
    }
    fmt::print("vipd: stopped\n");
    return Exit::yes;
}

Result<Exit> keep_for_restart(const Given& given) {
    if (given.text("key").empty()) {
        return fail(Exit::usage, "vipd keep", "expected the path of a control socket");
    }
    const auto kept = keep(given.text("key"));
    return kept ? Result<Exit>(Exit::yes) : tl::unexpected(kept.error());
}

Result<Exit> check_config(const Given& given) {
    const auto path = given.text("config");
    const auto config = check_config_file(path, {given.text("inventory"), given.text("gateway")});
    if (!config) {
        return print_mistakes(config.error());
    }
    if (const auto& rules = config->access.rules; rules != nullptr) {
        if (const auto flat = flatten(*rules, config->services); !flat) {
            return print_mistakes({{Exit::usage, path + ": /access", flat.error().what}});
        }
    }
    fmt::print("{}: gateway {} at site {}: {} ports, {} lines, {} peers, {} services\n", path,
               config->gateway, config->site, config->ports.size(), config->lines.size(),
               config->peers.size(), config->services.size());
    return Exit::yes;
}

// As the file at `out` is to name it, whose folder a relative path is taken from.
std::string seen_from(const std::string& out, const std::string& inventory) {
    namespace fs = std::filesystem;
    return out.empty() || fs::path(inventory).is_absolute()
               ? inventory
               : fs::proximate(inventory, fs::absolute(out).parent_path()).string();
}

Result<Exit> init_config(const Given& given) {
    const auto path = given.text("inventory"), out = given.text("out");
    const auto inventory = read_inventory(path);
    if (!inventory) {
        return print_mistakes(inventory.error());
    }
    if (std::error_code none; !out.empty() && !given.has("replace") &&
                              std::filesystem::symlink_status(out, none).type() !=
                                  std::filesystem::file_type::not_found) {
        return fail(Exit::usage, out, "is there already, expected another --out, or --replace");
    }
    const auto text = initial_config(out.empty() ? "vipd.json" : out, *inventory,
                                     {given.text("gateway"), seen_from(out, path),
                                      given.texts("port"), !given.has("without-services")});
    if (!text) {
        return print_mistakes(text.error());
    }
    if (out.empty()) {
        fmt::print("{}", *text);
        return Exit::yes;
    }
    const auto written = write_file_atomically(out, *text);
    return written ? Result<Exit>(Exit::yes) : tl::unexpected(written.error());
}

Result<Exit> list_drops(const Given& given) {
    nlohmann::json list = nlohmann::json::array();
    for (const auto& entry : drop_names) {
        list.push_back({{"reason", entry.name}, {"meaning", entry.meaning}});
        if (!given.has("json")) {
            fmt::print("{:<20} {}\n", entry.name, entry.meaning);
        }
    }
    if (given.has("json")) {
        fmt::print("{}\n", list.dump(2));
    }
    return Exit::yes;
}

Result<Exit> list_counters(const Given& given) {
    nlohmann::json list = nlohmann::json::array();
    for (const auto& counter : counter_infos()) {
        list.push_back(
            {{"name", counter.name}, {"metric", counter.metric}, {"meaning", counter.meaning}});
        if (!given.has("json")) {
            fmt::print("{:<29} {:<69} {}\n", counter.name, counter.metric, counter.meaning);
        }
    }
    if (given.has("json")) {
        fmt::print("{}\n", list.dump(2));
    }
    return Exit::yes;
}

const std::vector<Option> why_options{
    config_option,
    Option::text("routes", "what ip -json route and ip -json neighbour printed"),
    Option::text("port", "the port that it comes in by; else by the route to its sender"),
    json_option,
    Option::text("packet", "the packet, as text; several in turn").positional().repeated(),
};

// The exit code is that of the last packet.
Result<Exit> why(const Given& given) {
    if (!given.has("packet")) {
        return fail(Exit::usage, "vipd why",
                    "expected a packet, such as \"tcp 192.0.2.1:1 > 192.0.2.2:80 syn\"");
    }
    const auto config = read_config(given.text("config"));
    if (!config) {
        return print_mistakes(config.error());
    }
    const auto answers =
        why_offline(*config, {given.text("routes"), given.text("port"), given.texts("packet")});
    if (!answers) {
        return print_mistakes(answers.error());
    }
    if (given.has("json")) {
        const nlohmann::json all = *answers;
        fmt::print("{}\n", (answers->size() == 1 ? all[0] : all).dump(2));
    }
    for (size_t i = 0; i < answers->size() && !given.has("json"); ++i) {
        fmt::print("{}{}", i == 0 ? "" : "\n", show_why((*answers)[i]));
    }
    return exit_of_why(answers->back());
}

}  // namespace
}  // namespace rehome::vipd

int main(int argc, char** argv) {
    using namespace rehome;
    using namespace rehome::vipd;
    Program program;
    program.name = "vipd";
    program.summary = "serve the pinned VIPs of this gateway and relay between the sites";
    program.teaching =
        "vipd takes over the ports named in its configuration, gives each a TAP twin in the kernel "
        "for\n"
        "addresses, BGP and SSH, and forwards what is for a VIP.  Speak to it with vipctl(8).";
    program.commands = {
        {"run",
         "forward until SIGTERM or SIGINT",
         "  vipd run --config /etc/rehome/vipd.json\n\n"
         "Prints \"vipd: ready\" once packets are forwarded and the prefixes' kernel routes are "
         "held.\nSIGTERM is for a restart: links and routes stay for 1 s.  SIGINT withdraws first.",
         {config_option},
         run_gateway},
        {"keep",
         "hold links and routes while vipd restarts; vipd run starts it",
         "  vipd keep /run/vipd/vipd.sock  # what vipd run does\n\n"
         "Ends, and withdraws, once vipd has been gone for 1 s.",
         {Option::text("key", "the control socket of the vipd").positional()},
         keep_for_restart},
        {"check",
         "read the configuration and tell its mistakes",
         "  vipd check --config vipd.json\n"
         "  vipd check --config vipd.json --inventory inventory.json --gateway old-gw\n\n"
         "Its services and servers must be the inventory's, too. Nothing is opened or changed.",
         {config_option,
          Option::text("inventory", "hold it against this one, not the one that it names")
              .shown_as("FILE"),
          Option::text("gateway", "expect it to be this one's").shown_as("NAME")},
         check_config},
        {"init",
         "write a first configuration from the inventory",
         "  vipd init --gateway old-gw --inventory inventory.json --port lan=af_xdp:eth2\n\n"
         "Ports that are not given get af_xdp:NAME0. Look at what it wrote: the inventory knows\n"
         "no devices, and services that are more than NAT.",
         {Option::text("gateway", "whose it is to be").shown_as("NAME").required(),
          Option::text("inventory", "what exists").shown_as("FILE").required(),
          Option::text("out", "the file; standard output unless given").shown_as("FILE"),
          Option::flag("replace", "write over a file that is there"),
          Option::text("port", "a port and its device").shown_as("NAME=DEVICE").repeated(),
          Option::flag("without-services", "as lbsync carries them")},
         init_config},
        {"why", "what would be done with a packet, decision by decision",
         "  { ip -json route; ip -6 -json route; ip -json neighbour; } >routes.json  # there\n"
         "  vipd why --config vipd.json --routes routes.json \\\n"
         "      \"tcp 198.51.100.7:40000 > 203.0.113.5:14000 syn\"\n\n"
         "Runs the packet through the very stages of the datapath, offline; several packets in\n"
         "turn, so that a reply meets its flow. No peer is heard, so nothing is relayed.\n"
         "Exit: 1 when the last packet is dropped, 4 when it has to wait first.\n\n" +
             std::string(packet_text_help),
         why_options, why},
        {"drops",
         "list the reasons for which packets are dropped",
         "  vipd drops\n\nThe names are those of vipctl stats, of the metrics and of captures.",
         {json_option},
         list_drops},
        {"counters",
         "list what vipd counts",
         "  vipd counters\n\nEach by its place in vipctl stats --json and by its metric. What "
         "stands in\n"
         "a list is there for each item: lines[]/rx_vip_packets.",
         {json_option},
         list_counters},
    };
    return run_program(program, argc, argv);
}
