#include "cutover/command/run.h"

#include <fmt/format.h>
#include <unistd.h>

#include <iostream>
#include <map>
#include <optional>

#include "cutover/adapter/control_socket.h"
#include "cutover/adapter/samples_file.h"
#include "cutover/adapter/terminal_prompt.h"
#include "cutover/command/opening.h"
#include "cutover/command/session.h"
#include "cutover/run/number.h"
#include "cutover/run/plan_view.h"
#include "cutover/run/standing.h"

namespace rehome::cutover {

namespace {

using Strings = std::vector<std::string>;

// ---- options ------------------------------------------------------------------------------------

const Option journal_option =
    Option::text("journal", "the journal's file; FILE.d beside it holds what the steps save")
        .required();
const Option yes_option = Option::flag("yes", "answer every hold with yes");
const Option skip_option =
    Option::text("skip",
                 "STAGE/STEP: pass over this step's undo, which then is left undone until a later "
                 "`cutover undo`; may be given again")
        .repeated();
const Option group_option =
    Option::text("group", "whose members may answer what the run asks, by FILE.d/control");
const Option wait_option =
    Option::text("wait",
                 "how long (90, 5m, 2h) a question waits for `cutover approve` where there is no "
                 "terminal; unless given 0, or 1h for a terminal that has vanished");
const Option accept_loss_option = Option::flag(
    "accept-loss", "go on although lines are missing at the journal's end; noted in the journal");
const Option json_option = Option::flag("json", "print JSON");
const Option json_lines_option = Option::flag("json", "print JSON, one event a line");

Result<std::optional<Seconds>> read_wait(const Given& given) {
    if (given.find("wait") == nullptr || !given.has("wait")) {
        return std::optional<Seconds>();
    }
    const auto seconds = parse_duration(given.text("wait"));
    if (!seconds || *seconds < 0) {
        return fail(Exit::usage, "--wait",
                    in_quotes(given.text("wait")) + " is no duration, expected 90, 5m or 2h");
    }
    return std::optional(Seconds(*seconds));
}

// What every session takes; checked before there is a journal.
Result<SessionOptions> session_options(const Given& given) {
    SessionOptions options;
    options.runner.yes = given.find("yes") != nullptr && given.has("yes");
    options.json = given.has("json");
    options.group = given.text("group");
    if (auto known = check_group(options.group); !known) {
        return tl::unexpected(known.error());
    }
    auto wait = read_wait(given);
    if (!wait) {
        return tl::unexpected(wait.error());
    }
    options.wait = *wait;
    return options;
}

// ---- commands -----------------------------------------------------------------------------------

Result<Exit> print_plan(const Opening& opening, bool json) {
    const auto plan = plan_of(opening, false);
    if (!plan) {
        return print_mistakes(plan.error());
    }
    std::cout << (json ? plan_json(*plan) : plan_text(*plan));
    return Exit::yes;
}

Result<Exit> show(const Given& given) {
    const auto opening = read_opening(given, "RUN_DIR");
    if (!opening) {
        return tl::unexpected(opening.error());
    }
    return print_plan(*opening, given.has("json"));
}

Result<Exit> start(const Given& given) {
    const auto opening = read_opening(given, run_dir_of(given.text("journal")));
    if (!opening) {
        return tl::unexpected(opening.error());
    }
    if (given.has("dry-run")) {
        return print_plan(*opening, given.has("json"));
    }
    // Every mistake comes before the journal is there.
    if (const auto plan = plan_of(*opening, false); !plan) {
        return print_mistakes(plan.error());
    }
    const auto options = session_options(given);
    if (!options) {
        return tl::unexpected(options.error());
    }
    const std::string path = absolute(given.text("journal"));
    auto journal = JournalFile::create(path, *opening);
    if (!journal) {
        return tl::unexpected(journal.error());
    }
    auto ended = run_session(*journal, path, *options);
    if (!ended) {
        journal->discard_unused();
    }
    return ended;
}

Result<Exit> go_on(const Given& given, SessionOptions options) {
    options.goes_on = true;
    options.accept_loss = given.has("accept-loss");
    const Strings skip = given.texts("skip");
    options.runner.skip.insert(skip.begin(), skip.end());
    const std::string path = absolute(given.text("journal"));
    auto journal = JournalFile::open(path, options.accept_loss);
    if (!journal) {
        return tl::unexpected(journal.error());
    }
    return run_session(*journal, path, options);
}

Result<Exit> resume(const Given& given) {
    auto options = session_options(given);
    if (!options) {
        return tl::unexpected(options.error());
    }
    options->runner.settle = given.text("settle");
    const std::string& settle = options->runner.settle;
    if (!settle.empty() && settle != "done" && settle != "again") {
        return fail(Exit::usage, "--settle", settle + " is neither done nor again");
    }
    return go_on(given, std::move(*options));
}

Result<Exit> undo(const Given& given) {
    auto options = session_options(given);
    if (!options) {
        return tl::unexpected(options.error());
    }
    options->back_out = true;
    return go_on(given, std::move(*options));
}

Result<Exit> status(const Given& given) {
    const std::string path = absolute(given.text("journal"));
    const auto seen = look_at_journal(path);
    if (!seen) {
        return tl::unexpected(seen.error());
    }
    const auto plan = plan_of(seen->journal.opening, true);
    if (!plan) {
        return print_mistakes(plan.error());
    }
    const auto progress = replay(*plan, seen->journal.records);
    if (!progress) {
        return tl::unexpected(progress.error());
    }
    const Standing standing{*plan,         seen->journal,        *progress, path,
                            seen->running, newest_samples(path), now_us(),  concerns(seen->place)};
    std::cout << (given.has("json") ? standing_json(standing)
                                    : standing_text(standing, columns(STDOUT_FILENO)));
    return Exit::yes;
}

// ---- the table ----------------------------------------------------------------------------------

Command run_command() {
    return {
        "run",
        "run a playbook from its start",
        "Each act is written into the journal before it is begun.  When a step or a gate fails,\n"
        "the operator is asked; where nobody is there, or with --yes, everything is undone in\n"
        "reverse order.  SIGINT and SIGTERM stop between two steps (a second Ctrl-C leaves at\n"
        "once); `cutover resume` goes on in every case.\n\n"
        "Exit: 0 done; 1 backed out wholly; 2 wrong usage or input, nothing was done; 3 stopped,\n"
        "or something is left undone, which is listed; 4 a step must be settled by the "
        "operator,\nor nobody can tell whether the steps that are listed are put back.\n\n"
        "  cutover run subnet-move.json --inventory inventory.json --journal move.journal\n"
        "  cutover run subnet-move.json --inventory inventory.json --journal move.journal \\\n"
        "      --set rate=500 --yes --json\n",
        {playbook_option(), inventory_option(), set_option(), json_option,
         Option::text("journal", "a new file; FILE.d beside it holds what the steps save"),
         yes_option, wait_option, group_option,
         Option::flag("dry-run", "print what would be run, as `cutover show` does")},
        [](const Given& given) -> Result<Exit> {
            if (!given.has("journal") && !given.has("dry-run")) {
                return fail(Exit::usage, "cutover run", "--journal FILE is missing");
            }
            return start(given);
        }};
}

Command show_command() {
    return {"show",
            "print a playbook's steps as they would be run",
            "Nothing is touched.\n\n"
            "  cutover show subnet-move.json --inventory inventory.json --set rate=500\n",
            {playbook_option(), inventory_option(), set_option(), json_option},
            show};
}

Command resume_command() {
    return {
        "resume",
        "go on with a run that was stopped or killed",
        "Needs the journal alone.  A step that was begun and not ended is settled by its check;\n"
        "where that cannot tell, the operator is asked, or --settle answers.  A run that was\n"
        "backing out goes on backing out.  Exit codes as of `cutover run`.\n\n"
        "  cutover resume --journal move.journal\n",
        {journal_option, yes_option, wait_option, group_option,
         Option::text("settle",
                      "done | again: what to make of the step that was begun, where its check "
                      "cannot tell"),
         skip_option, accept_loss_option, json_lines_option},
        resume};
}

Command undo_command() {
    return {"undo",
            "back out of a stopped or finished run",
            "Undoes every step that was begun, the last one first.  What relies on an undo that\n"
            "fails waits for it, the others go on; given again it tries again, also what was\n"
            "passed over or could not be told.\n\n"
            "Exit: 0 all is put back; 3 something is left undone, which is listed; 4 nobody can\n"
            "tell whether the steps that are listed are put back.\n\n"
            "  cutover undo --journal move.journal\n"
            "  cutover undo --journal move.journal --skip 'relay/share 10 at old-gw'\n",
            {journal_option, skip_option, group_option, accept_loss_option, json_lines_option},
            undo};
}

Command status_command() {
    return {"status",
            "print where a run stands",
            "Only looks; a run that goes on is not disturbed.\n\n"
            "  cutover status --journal move.journal\n",
            {journal_option, json_option},
            status};
}

}  // namespace

std::vector<Command> run_commands() {
    return {run_command(), resume_command(), undo_command(), show_command(), status_command()};
}

}  // namespace rehome::cutover
