// probe run: measures, prints and keeps one result.
#include <fmt/format.h>

#include <iostream>

#include "probe/adapter/key_file.h"
#include "probe/adapter/privilege.h"
#include "probe/adapter/result_file.h"
#include "probe/adapter/session.h"
#include "probe/command/commands.h"
#include "probe/command/progress.h"
#include "probe/core/doubts.h"
#include "probe/core/measurement_json.h"
#include "probe/core/measurement_text.h"

namespace rehome::probe {

namespace {

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
    "The 60 s of the default are what `probe compare` needs to show 3 points of loss, in bursts "
    "of\n"
    "up to 0.4 s.\n"
    "\n"
    "The exit code tells whether there is a result, not whether it is good: 0 measured; 3 no way\n"
    "out for one probe or more (link, route or neighbour: the result is printed, and blames no\n"
    "carrier), or the file of --out could not be written (the result is printed); 4 cut short by "
    "a\n"
    "signal, not one sample, or the kernel's way changed meanwhile. A record that ends early is "
    "told\n"
    "and changes no exit code.\n"
    "\n"
    "Examples:\n"
    "  probe run --inventory inventory.json --carrier red --dry-run\n"
    "  probe run --inventory inventory.json --carrier red --service meters --count 1000 --rate 50\n"
    "  probe run --inventory inventory.json --carrier red --poisson --json --out base.json\n"
    "  probe run --carrier test --source 192.0.2.1 --target 198.51.100.10:1883 --tcp\n";

const std::vector<Option> options{
    Option::text("inventory", "what exists").shown_as("FILE"),
    Option::text("carrier", "whose way is measured").shown_as("NAME"),
    Option::text("service", "to this service's VIP; may be repeated").shown_as("NAME").repeated(),
    Option::text("target", "to this address instead").shown_as("IP[:PORT]"),
    Option::flag("icmp", "by ICMP echo"),
    Option::flag("tcp", "by TCP SYN"),
    Option::flag("udp", "by UDP, STAMP test packets"),
    Option::integer("count", "probes a path").shown_as("N").by_default("9000"),
    Option::number("rate", "probes a second and path").shown_as("PPS").by_default("150"),
    Option::integer("wait", "an answer after this is a loss").shown_as("MS").by_default("1000"),
    Option::flag("poisson", "exponential gaps, not constant ones"),
    Option::integer("seed", "of --poisson, to repeat a schedule")
        .shown_as("N")
        .within(0, INT64_MAX),
    Option::integer("size", "bytes of an IP packet, sent whole (icmp, udp)").shown_as("BYTES"),
    Option::text("dscp", "0 to 63, or a name as EF, AF41, CS1").shown_as("CODE").by_default("0"),
    Option::text("key", "udp: STAMP's authenticated mode, by this key").shown_as("FILE"),
    Option::text("source", "instead of the vantage's").shown_as("IP"),
    Option::integer("mark", "instead of the vantage's").shown_as("N"),
    Option::text("interface", "instead of the vantage's").shown_as("IF"),
    Option::flag("json", "print the result as JSON (rehome/probe/2)"),
    Option::text("out", "write the JSON there too").shown_as("FILE"),
    Option::text("record", "keep a record of each probe there (SQLite, probe-record(5))")
        .shown_as("FILE"),
    Option::flag("dry-run", "show what would be measured and by which way"),
};

Asked asked_from(const Given& given, StampKey key) {
    Asked asked;
    asked.key = std::move(key);
    asked.dscp = given.text("dscp");
    if (given.has("size")) {
        asked.size = given.integer("size");
    }
    asked.carrier = given.text("carrier");
    asked.services = given.texts("service");
    asked.target = given.text("target");
    asked.icmp = given.has("icmp");
    asked.tcp = given.has("tcp");
    asked.udp = given.has("udp");
    asked.count = given.integer("count");
    asked.rate_pps = given.number("rate");
    asked.wait_ms = given.integer("wait");
    asked.source = given.text("source");
    if (given.has("mark")) {
        asked.mark = given.integer("mark");
    }
    asked.interface = given.text("interface");
    asked.poisson = given.has("poisson");
    asked.seed = static_cast<uint64_t>(given.has("seed") ? given.integer("seed") : now_us());
    return asked;
}

Checked<Plan> plan_from(const Given& given) {
    Result<StampKey> key = given.has("key") ? read_stamp_key(given.text("key")) : StampKey{};
    if (!key) {
        return tl::unexpected(std::vector{key.error()});
    }
    const Asked asked = asked_from(given, std::move(*key));
    if (!given.has("inventory")) {
        return make_plan(asked, nullptr);
    }
    const auto inventory = read_inventory(given.text("inventory"));
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

// What is to be kept of a run, and why it could not be.
struct Keeping {
    std::optional<ResultFile> file;
    Recorder recorder;
    std::string file_error{};
    bool record_told = false;

    void tell_record() {
        if (!record_told && !recorder.error().empty()) {
            std::cerr << recorder.error() << "; the measurement goes on without a record\n";
            record_told = true;
        }
    }
    void fail_file(const Error& error) {
        file_error = error.text();
        std::cerr << file_error << "; the result is printed alone\n";
    }
};

// A result that cannot be written is measured and printed all the same.
Result<Keeping> prepare(const std::string& out, const std::string& record) {
    auto recorder = Recorder::begin(record);
    if (!recorder) {
        return tl::unexpected(recorder.error());
    }
    Keeping keeping{.file = {}, .recorder = std::move(*recorder)};
    keeping.tell_record();
    if (out.empty()) {
        return keeping;
    }
    if (auto file = ResultFile::prepare(out)) {
        keeping.file = std::move(*file);
    } else {
        keeping.fail_file(file.error());
    }
    return keeping;
}

void keep(Measurement& measurement, Keeping& keeping) {
    keeping.recorder.end(measurement);
    keeping.tell_record();
    if (keeping.file) {
        if (const auto done = keeping.file->write(to_json(measurement)); !done) {
            keeping.fail_file(done.error());
        }
    }
}

// The order matters: the files' writers are forked before there is a socket, and privileges go
// before the first packet is read.
Result<Measurement> measure(const Plan& plan, const std::vector<Route>& routes, Keeping& keeping) {
    Result<Session> session = Session::open(plan, routes);
    if (!session) {
        return tl::unexpected(session.error());
    }
    go_first();
    if (const auto dropped = drop_privileges(); !dropped) {
        return tl::unexpected(dropped.error());
    }
    const auto progress = [&keeping](const std::string& line) {
        keeping.tell_record();
        show_progress(line);
    };
    Result<Measurement> measurement = session->measure(progress, keeping.recorder);
    go_as_others();
    end_progress();
    if (measurement) {
        keep(*measurement, keeping);
    }
    return measurement;
}

// Lines for standard error too, as a gate shows it.
bool tell_failures(const Measurement& measurement) {
    const std::vector<std::string> failures = failures_of(measurement);
    for (const std::string& failure : failures) {
        std::cerr << failure << "\n";
    }
    return !failures.empty();
}

bool tell_doubts(const Measurement& measurement) {
    const std::vector<std::string> doubts = doubts_of(measurement);
    for (const std::string& doubt : doubts) {
        std::cerr << doubt << "\n";
    }
    return !doubts.empty();
}

Exit judge(const Measurement& measurement, const Keeping& keeping) {
    const bool failed = tell_failures(measurement);
    if (failed || !keeping.file_error.empty()) {
        return Exit::world;
    }
    bool samples = !tell_doubts(measurement) && !measurement.interrupted;
    for (const Figures& figures : measurement.kinds) {
        samples = samples && figures.loss_interval_pct.has_value() && figures.route_changes.empty();
    }
    return samples ? Exit::yes : Exit::unknown;
}

Result<Exit> act(const Given& given) {
    const Checked<Plan> plan = plan_from(given);
    if (!plan) {
        return print_mistakes(plan.error());
    }
    const auto routes = verify_routes(*plan);
    if (!routes) {
        return tl::unexpected(routes.error());
    }
    const bool json = given.has("json");
    const bool dry_run = given.has("dry-run");
    if (!json || dry_run) {
        std::cout << way(*plan, *routes) << std::flush;
    }
    if (dry_run) {
        return Exit::yes;
    }
    auto keeping = prepare(given.text("out"), given.text("record"));
    if (!keeping) {
        return tl::unexpected(keeping.error());
    }
    const auto measurement = measure(*plan, *routes, *keeping);
    if (!measurement) {
        return tl::unexpected(measurement.error());
    }
    std::cout << (json ? to_json(*measurement) : to_text(*measurement));
    return judge(*measurement, *keeping);
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
