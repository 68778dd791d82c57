#include "cutover/command/run.h"

#include <fmt/format.h>

#include <filesystem>
#include <map>
#include <optional>

#include "common/json_file.h"
#include "cutover/adapter/watch.h"
#include "cutover/command/session.h"
#include "cutover/run/plan_view.h"
#include "cutover/run/standing.h"

namespace rehome::cutover {

namespace {

namespace po = boost::program_options;
using Strings = std::vector<std::string>;
using Options = po::options_description;
using Positional = po::positional_options_description;
using Values = po::variables_map;

std::string text(const Values& values, const char* name) {
    return values.count(name) != 0 ? values[name].as<std::string>() : "";
}

Strings texts(const Values& values, const char* name) {
    return values.count(name) != 0 ? values[name].as<Strings>() : Strings();
}

std::string absolute(const std::string& path) {
    return std::filesystem::absolute(path).lexically_normal().string();
}

// ---- options ------------------------------------------------------------------------------------

void playbook_options(Options& options, Positional& positional) {
    positional.add("playbook", 1);
    options.add_options()("playbook", po::value<std::string>()->required(), "the playbook");
    options.add_options()("inventory", po::value<std::string>()->required(),
                          "the inventory that it is run against");
    options.add_options()("set", po::value<Strings>()->composing(),
                          "NAME=VALUE: a parameter of the playbook; may be given again");
    options.add_options()("json", "print JSON");
}

void journal_option(Options& options) {
    options.add_options()("journal", po::value<std::string>()->required(),
                          "the journal's file; FILE.d beside it holds what the steps save");
}

Result<Settings> read_settings(const Values& values) {
    Settings settings;
    for (const std::string& word : texts(values, "set")) {
        const size_t equals = word.find('=');
        if (equals == std::string::npos || equals == 0) {
            return fail(Exit::usage, "--set", word + " is no NAME=VALUE");
        }
        if (!settings.emplace(word.substr(0, equals), word.substr(equals + 1)).second) {
            return fail(Exit::usage, "--set", word.substr(0, equals) + " is given twice");
        }
    }
    return settings;
}

Result<Opening> read_opening(const Values& values) {
    Opening opening;
    opening.at = now_us();
    opening.playbook_path = absolute(text(values, "playbook"));
    opening.inventory_path = absolute(text(values, "inventory"));
    const std::string journal = text(values, "journal");
    opening.run_dir = journal.empty() ? "RUN_DIR" : absolute(journal) + ".d";
    for (auto [path, into] : {std::pair{&opening.playbook_path, &opening.playbook},
                              std::pair{&opening.inventory_path, &opening.inventory}}) {
        auto content = read_file(*path);
        if (!content) {
            return tl::unexpected(content.error());
        }
        *into = std::move(*content);
    }
    auto settings = read_settings(values);
    if (!settings) {
        return tl::unexpected(settings.error());
    }
    opening.settings = std::move(*settings);
    return opening;
}

// ---- commands -----------------------------------------------------------------------------------

Result<Exit> print_plan(const Opening& opening, bool json) {
    const auto plan = plan_of(opening, false);
    if (!plan) {
        return print_mistakes(plan.error());
    }
    put(json ? plan_json(*plan) : plan_text(*plan));
    return Exit::yes;
}

Result<Exit> show(const Values& values) {
    const auto opening = read_opening(values);
    if (!opening) {
        return tl::unexpected(opening.error());
    }
    return print_plan(*opening, values.count("json") != 0);
}

Result<Exit> start(const Values& values) {
    const auto opening = read_opening(values);
    if (!opening) {
        return tl::unexpected(opening.error());
    }
    if (values.count("dry-run") != 0) {
        return print_plan(*opening, values.count("json") != 0);
    }
    // Every mistake comes before the journal is there.
    if (const auto plan = plan_of(*opening, false); !plan) {
        return print_mistakes(plan.error());
    }
    const std::string path = absolute(text(values, "journal"));
    auto journal = JournalFile::create(path, *opening);
    if (!journal) {
        return tl::unexpected(journal.error());
    }
    SessionOptions options;
    options.runner.yes = values.count("yes") != 0;
    options.json = values.count("json") != 0;
    return run_session(*journal, path, options);
}

Result<Exit> go_on(const Values& values, bool back_out) {
    SessionOptions options;
    options.back_out = back_out;
    options.json = values.count("json") != 0;
    options.runner.yes = values.count("yes") != 0;
    options.runner.settle = text(values, "settle");
    const Strings skip = texts(values, "skip");
    options.runner.skip.insert(skip.begin(), skip.end());
    const std::string& settle = options.runner.settle;
    if (!settle.empty() && settle != "done" && settle != "again") {
        return fail(Exit::usage, "--settle", settle + " is neither done nor again");
    }
    const std::string path = absolute(text(values, "journal"));
    auto journal = JournalFile::open(path);
    if (!journal) {
        return tl::unexpected(journal.error());
    }
    return run_session(*journal, path, options);
}

Result<Exit> status(const Values& values) {
    const std::string path = absolute(text(values, "journal"));
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
    const Standing standing{*plan, seen->journal, *progress, path, seen->running};
    put(values.count("json") != 0 ? standing_json(standing) : standing_text(standing));
    return Exit::yes;
}

// ---- the table ----------------------------------------------------------------------------------

Command run_command() {
    return {
        "run", "run a playbook from its start",
        "Each act is written into the journal before it is begun.  When a step or a gate fails,\n"
        "everything is undone in reverse order.  SIGINT and SIGTERM stop between two steps (a\n"
        "second Ctrl-C leaves at once); `cutover resume` goes on in every case.\n\n"
        "Exit: 0 done; 1 backed out wholly; 2 wrong usage or input, nothing was done; 3 stopped,\n"
        "or something is left undone, which is listed; 4 a step must be settled by the "
        "operator.\n\n"
        "  cutover run subnet-move.json --inventory inventory.json --journal move.journal\n"
        "  cutover run subnet-move.json --inventory inventory.json --journal move.journal \\\n"
        "      --set rate=500 --yes --json\n",
        [](Options& options, Positional& positional) {
            playbook_options(options, positional);
            options.add_options()("journal", po::value<std::string>(),
                                  "a new file; FILE.d beside it holds what the steps save");
            options.add_options()("yes", "answer every hold with yes");
            options.add_options()("dry-run", "print what would be run, as `cutover show` does");
        },
        [](const Values& values) -> Result<Exit> {
            if (values.count("journal") == 0 && values.count("dry-run") == 0) {
                return fail(Exit::usage, "cutover run", "--journal FILE is missing");
            }
            return start(values);
        }};
}

Command show_command() {
    return {"show", "print a playbook's steps as they would be run",
            "Nothing is touched.\n\n"
            "  cutover show subnet-move.json --inventory inventory.json --set rate=500\n",
            playbook_options, show};
}

Command resume_command() {
    return {
        "resume", "go on with a run that was stopped or killed",
        "Needs the journal alone.  A step that was begun and not ended is settled by its check;\n"
        "where that cannot tell, the operator is asked, or --settle answers.  A run that was\n"
        "backing out goes on backing out.  Exit codes as of `cutover run`.\n\n"
        "  cutover resume --journal move.journal\n",
        [](Options& options, Positional&) {
            journal_option(options);
            options.add_options()("yes", "answer every hold with yes");
            options.add_options()("settle", po::value<std::string>(),
                                  "done | again: what to make of the step that was begun, "
                                  "where its check cannot tell");
            options.add_options()("skip", po::value<Strings>()->composing(),
                                  "STAGE/STEP: pass over this step's undo, which then is left "
                                  "undone; may be given again");
            options.add_options()("json", "print JSON, one event a line");
        },
        [](const Values& values) { return go_on(values, false); }};
}

Command undo_command() {
    return {"undo", "back out of a stopped or finished run",
            "Undoes every step that was begun, the last one first.  It stops at an undo that\n"
            "fails, as those that follow may rely on it; given again it tries again.\n\n"
            "Exit: 0 all is put back; 3 something is left undone, which is listed.\n\n"
            "  cutover undo --journal move.journal\n"
            "  cutover undo --journal move.journal --skip 'relay/share 10 at old-gw'\n",
            [](Options& options, Positional&) {
                journal_option(options);
                options.add_options()("skip", po::value<Strings>()->composing(),
                                      "STAGE/STEP: pass over this step's undo, which then is left "
                                      "undone; may be given again");
                options.add_options()("json", "print JSON, one event a line");
            },
            [](const Values& values) { return go_on(values, true); }};
}

Command status_command() {
    return {"status", "print where a run stands",
            "Only looks; a run that goes on is not disturbed.\n\n"
            "  cutover status --journal move.journal\n",
            [](Options& options, Positional&) {
                journal_option(options);
                options.add_options()("json", "print JSON");
            },
            status};
}

}  // namespace

std::vector<Command> run_commands() {
    return {run_command(), resume_command(), undo_command(), show_command(), status_command()};
}

}  // namespace rehome::cutover
