#include "cutover/command/session.h"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <system_error>

#include "common/command.h"
#include "common/json/file.h"
#include "cutover/adapter/our_programs.h"
#include "cutover/adapter/real_world.h"
#include "cutover/command/hosts.h"
#include "cutover/run/marker.h"
#include "cutover/run/standing.h"

namespace rehome::cutover {

namespace {

namespace fs = std::filesystem;

// The journal stands a second Ctrl-C, as it stands SIGKILL.  The terminal may vanish.
constexpr StopSignal::Manner stop_manner{
    .asked = "\ncutover: stopping as soon as that is safe (a second Ctrl-C leaves at once)\n",
    .left = "\ncutover: left at once; `cutover resume` settles what was begun\n",
    .outlives_terminal = true};

// So long the last lines may take to their reader.
constexpr std::chrono::seconds last_words{3};

// After what is wrong, a full disk for instance.
constexpr const char* broken_off =
    "; the run stands still where it is: mend that, or move the journal and its .d to another "
    "disk, "
    "and go on by `cutover resume` or back out by `cutover undo`";

std::string inventory_copy(const Opening& opening) {
    return opening.run_dir + "/inventory.json";
}

// The steps read the inventory that the run began with, whatever has become of the original.
Result<> prepare_run_dir(const Opening& opening) {
    std::error_code error;
    fs::create_directories(opening.run_dir, error);
    if (error) {
        return fail(Exit::world, opening.run_dir, "cannot be created: " + error.message());
    }
    // A full disk need not take it once more.
    const auto there = read_file(inventory_copy(opening));
    return there && *there == opening.inventory
               ? Result<>()
               : write_file_atomically(inventory_copy(opening), opening.inventory);
}

// Raises the run's epoch, so that no runner before can do any more.
Result<> note_resumed(JournalFile& journal, const Plan& plan, Progress& progress, Watch& watch) {
    const uint64_t epoch = epoch_after(journal.read().records) + 1;
    const Record record{Happened::resumed, now_us(), "", journal.remarks(), {}, epoch};
    auto noted = journal.append(record);
    if (noted) {
        watch.record(record);
        noted = apply(plan, record, progress);
    }
    return noted;
}

// Hands may have begun what the journal does not have any more.
Result<> hold_against(const std::vector<Marker>& markers, const SessionOptions& options,
                      JournalFile& journal, const Plan& plan, Progress& progress, Watch& watch) {
    const auto missing = fmt::format("{}", fmt::join(lacking(journal.read(), markers), "; "));
    if (missing.empty()) {
        return {};
    }
    if (!options.accept_loss) {
        return fail(Exit::world, "", missing + std::string(loss_advice()));
    }
    const Record record{Happened::accepted, now_us(), "", missing};
    auto noted = journal.append(record);
    if (noted) {
        watch.record(record);
        noted = apply(plan, record, progress);
    }
    return noted;
}

void print_ending(const Plan& plan, const Progress& progress, const std::string& path, bool json,
                  Exit code, Outlet& out) {
    out.put(json ? ending_json(plan, progress, code) + "\n" : ending_text(plan, progress, path));
}

}  // namespace

Checked<Plan> plan_of(const Opening& opening, bool begun) {
    const auto inventory = expect_move(opening.inventory_path,
                                       parse_inventory(opening.inventory_path, opening.inventory));
    if (!inventory) {
        return tl::unexpected(inventory.error());
    }
    return read_plan({opening.playbook_path, opening.playbook, *inventory, opening.settings,
                      inventory_copy(opening), opening.run_dir, begun});
}

Result<Exit> run_session(JournalFile& journal, const std::string& path,
                         const SessionOptions& options) {
    const Opening& opening = journal.read().opening;
    const auto plan = plan_of(opening, true);
    if (!plan) {
        return print_mistakes(plan.error());
    }
    auto progress = replay(*plan, journal.read().records);
    if (!progress) {
        return tl::unexpected(progress.error());
    }
    if (auto known = check_skips(*plan, options.runner.skip); !known) {
        return tl::unexpected(known.error());
    }
    if (auto prepared = prepare_run_dir(opening); !prepared) {
        return tl::unexpected(prepared.error());
    }
    prefer_our_programs();
    const auto stop = StopSignal::watch(stop_manner);
    if (!stop) {
        return tl::unexpected(stop.error());
    }
    Outlet out(STDOUT_FILENO, options.json ? dropped_json : dropped_text);
    Outlet asks(STDERR_FILENO, dropped_text);
    auto watch = make_watch(*plan, options.json, out);
    auto control = ControlSocket::listen(opening.run_dir, options.group, *stop);
    if (!control) {
        return tl::unexpected(control.error());
    }
    Desk desk(*stop, *watch, asks, std::move(*control), options.wait);
    const bool goes_on = options.goes_on;
    if (auto noted = goes_on ? note_resumed(journal, *plan, *progress, *watch) : Result<>();
        !noted) {
        return tl::unexpected(noted.error());
    }
    const auto hello = hello_of(opening.run, epoch_after(journal.read().records) + goes_on, path);
    if (!hello) {
        return tl::unexpected(hello.error());
    }
    Hands hands(*hello, [&watch](const std::string& text) { watch->notice(text, now_us()); });
    const bool way_back = options.back_out || progress->backwards;
    // One that is over may have been killed before it gave its hosts up; it needs none any more.
    const bool is_over = progress->finished && !options.back_out;
    const auto taken = take_hosts(opening, *plan, hands, goes_on, way_back, *watch);
    if (!taken && !is_over) {
        return tl::unexpected(taken.error());
    }
    if (auto whole =
            taken ? hold_against(*taken, options, journal, *plan, *progress, *watch) : Result<>();
        !whole) {
        return tl::unexpected(whole.error());
    }
    RealWorld world(journal, *stop, *watch, desk, hands);
    Runner runner(*plan, std::move(*progress), world, options.runner);
    auto code = options.back_out ? runner.turn_back("the operator asked for it") : runner.go();
    leave_hosts(hands, runner.progress(), *watch);
    if (!code) {
        code.error().what += broken_off;
    }
    watch->pause();  // the live line is gone before the last lines come
    if (code) {
        // Backing out wholly is what `undo` is asked for.
        code = options.back_out && *code == Exit::no ? Exit::yes : *code;
        print_ending(*plan, runner.progress(), path, options.json, *code, out);
    }
    out.drain(last_words);
    return code;
}

}  // namespace rehome::cutover
