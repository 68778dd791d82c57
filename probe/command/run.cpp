// probe run: measures, prints and keeps one result.
#include <fmt/format.h>
#include <unistd.h>

#include <iostream>

#include "probe/adapter/privilege.h"
#include "probe/adapter/result_file.h"
#include "probe/adapter/session.h"
#include "probe/command/commands.h"
#include "probe/core/measurement_json.h"
#include "probe/core/measurement_text.h"

namespace rehome::probe {

namespace {

namespace po = boost::program_options;

constexpr char teaching[] =
    "Measures the way from a carrier's vantage to the VIPs. Without --service or --target it "
    "takes\n"
    "every service of the inventory; without --icmp, --tcp, --udp every kind that fits (udp: only\n"
    "services on port 862, where a STAMP reflector answers). Run it on the vantage's host; "
    "source,\n"
    "mark and interface come from the inventory.\n"
    "\n"
    "Before the first packet the kernel is asked for its route with that source, mark and\n"
    "interface; without one, or with another interface than was asked for, nothing is sent (exit\n"
    "code 3). Privileges are dropped once the sockets are open.\n"
    "\n"
    "400 probes are enough to compare a loss of nothing with another; see `probe compare --help`.\n"
    "\n"
    "The exit code tells whether there is a result, not whether it is good: 0 measured, 4 cut\n"
    "short by a signal, or not one sample.\n"
    "\n"
    "Examples:\n"
    "  probe run --inventory inventory.json --carrier red --dry-run\n"
    "  probe run --inventory inventory.json --carrier red --service meters --count 1000 --rate 50\n"
    "  probe run --inventory inventory.json --carrier red --poisson --json --out base.json\n"
    "  probe run --carrier test --source 192.0.2.1 --target 198.51.100.10:1883 --tcp\n";

void options(po::options_description& describe, po::positional_options_description&) {
    auto add = describe.add_options();
    add("inventory", po::value<std::string>()->value_name("FILE"), "what exists");
    add("carrier", po::value<std::string>()->value_name("NAME"), "whose way is measured");
    add("service", po::value<std::vector<std::string>>()->composing()->value_name("NAME"),
        "to this service's VIP; may be repeated");
    add("target", po::value<std::string>()->value_name("IP[:PORT]"), "to this address instead");
    add("icmp", po::bool_switch(), "by ICMP echo");
    add("tcp", po::bool_switch(), "by TCP SYN");
    add("udp", po::bool_switch(), "by UDP, STAMP test packets");
    add("count", po::value<int64_t>()->default_value(400)->value_name("N"), "probes a path");
    add("rate", po::value<double>()->default_value(40, "40")->value_name("PPS"),
        "probes a second and path");
    add("wait", po::value<int64_t>()->default_value(1000)->value_name("MS"),
        "an answer after this is a loss");
    add("poisson", po::bool_switch(), "exponential gaps, not constant ones");
    add("seed", po::value<uint64_t>()->value_name("N"), "of --poisson, to repeat a schedule");
    add("source", po::value<std::string>()->value_name("IP"), "instead of the vantage's");
    add("mark", po::value<int64_t>()->value_name("N"), "instead of the vantage's");
    add("interface", po::value<std::string>()->value_name("IF"), "instead of the vantage's");
    add("json", po::bool_switch(), "print the result as JSON (rehome/probe/1)");
    add("out", po::value<std::string>()->value_name("FILE"), "write the JSON there too");
    add("dry-run", po::bool_switch(), "show what would be measured and by which way");
}

template <typename T>
T get(const po::variables_map& values, const char* name, T fallback = {}) {
    return values.count(name) != 0 ? values[name].as<T>() : fallback;
}

Asked asked_from(const po::variables_map& values) {
    Asked asked;
    asked.carrier = get<std::string>(values, "carrier");
    asked.services = get<std::vector<std::string>>(values, "service");
    asked.target = get<std::string>(values, "target");
    asked.icmp = get<bool>(values, "icmp");
    asked.tcp = get<bool>(values, "tcp");
    asked.udp = get<bool>(values, "udp");
    asked.count = get<int64_t>(values, "count");
    asked.rate_pps = get<double>(values, "rate");
    asked.wait_ms = get<int64_t>(values, "wait");
    asked.source = get<std::string>(values, "source");
    if (values.count("mark") != 0) {
        asked.mark = get<int64_t>(values, "mark");
    }
    asked.interface = get<std::string>(values, "interface");
    asked.poisson = get<bool>(values, "poisson");
    asked.seed = get<uint64_t>(values, "seed", static_cast<uint64_t>(now_us()));
    return asked;
}

Checked<Plan> plan_from(const po::variables_map& values) {
    const Asked asked = asked_from(values);
    if (values.count("inventory") == 0) {
        return make_plan(asked, nullptr);
    }
    const auto inventory = read_inventory(get<std::string>(values, "inventory"));
    if (!inventory) {
        return tl::unexpected(inventory.error());
    }
    return make_plan(asked, &*inventory);
}

std::string way(const Plan& plan, const std::vector<Route>& routes) {
    std::string text = heading(plan);
    for (size_t i = 0; i < routes.size(); ++i) {
        text += route_line(plan.paths[i], routes[i]);
    }
    return text;
}

// On a terminal one line that is written over; elsewhere nothing.
void show_progress(const std::string& line) {
    if (isatty(STDERR_FILENO) != 0) {
        std::cerr << "\r\033[K" << line << std::flush;
    }
}

void end_progress() {
    if (isatty(STDERR_FILENO) != 0) {
        std::cerr << "\r\033[K" << std::flush;
    }
}

// The order matters: the file's writer is forked before there is a socket, and privileges go before
// the first packet is read.
Result<Measurement> measure(const Plan& plan, const std::vector<Route>& routes,
                            const std::string& out) {
    std::optional<ResultFile> file;
    if (!out.empty()) {
        Result<ResultFile> prepared = ResultFile::prepare(out);
        if (!prepared) {
            return tl::unexpected(prepared.error());
        }
        file = std::move(*prepared);
    }
    Result<Session> session = Session::open(plan, routes);
    if (!session) {
        return tl::unexpected(session.error());
    }
    if (const auto dropped = drop_privileges(); !dropped) {
        return tl::unexpected(dropped.error());
    }
    Result<Measurement> measurement = session->measure(show_progress);
    end_progress();
    if (measurement && file) {
        if (const auto written = file->write(to_json(*measurement)); !written) {
            return tl::unexpected(written.error());
        }
    }
    return measurement;
}

Exit judge(const Measurement& measurement) {
    bool samples = !measurement.interrupted;
    for (const Figures& figures : measurement.kinds) {
        samples = samples && figures.loss_interval_pct.has_value();
    }
    return samples ? Exit::yes : Exit::unknown;
}

Result<Exit> act(const po::variables_map& values) {
    const Checked<Plan> plan = plan_from(values);
    if (!plan) {
        return print_mistakes(plan.error());
    }
    const auto routes = verify_routes(*plan);
    if (!routes) {
        return tl::unexpected(routes.error());
    }
    const bool json = get<bool>(values, "json");
    const bool dry_run = get<bool>(values, "dry-run");
    if (!json || dry_run) {
        std::cout << way(*plan, *routes) << std::flush;
    }
    if (dry_run) {
        return Exit::yes;
    }
    const auto measurement = measure(*plan, *routes, get<std::string>(values, "out"));
    if (!measurement) {
        return tl::unexpected(measurement.error());
    }
    std::cout << (json ? to_json(*measurement) : to_text(*measurement));
    return judge(*measurement);
}

}  // namespace

Command run_command() {
    return {.name = "run",
            .summary = "measure loss, delay and jitter to VIPs by one carrier",
            .teaching = teaching,
            .options = options,
            .act = act};
}

}  // namespace rehome::probe
