#include "cutover/command/answer.h"

#include <fmt/format.h>

#include <chrono>
#include <filesystem>
#include <iostream>
#include <thread>

#include "common/clock.h"
#include "cutover/adapter/control_socket.h"
#include "cutover/adapter/journal_file.h"

namespace rehome::cutover {

namespace {

const Option journal_option = Option::text("journal", "the journal of the run").required();
const Option question_option =
    Option::text("question", "its id, as `cutover status` tells it").shown_as("ID").positional();

std::string absolute(const std::string& path) {
    return std::filesystem::absolute(path).lexically_normal().string();
}

// What the journal says became of the question, which is all that counts; waits for it.
std::optional<Record> written_answer(const std::string& journal, const std::string& question) {
    constexpr int64_t patience_us = 5'000'000;
    const int64_t ends_at = monotonic_us() + patience_us;
    while (monotonic_us() < ends_at) {
        const auto seen = look_at_journal(journal);
        auto answer = seen ? answer_to(seen->journal.records, question) : std::nullopt;
        if (answer) {
            return answer;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return std::nullopt;
}

Result<Exit> refused(const std::string& why) {
    std::cerr << "not taken: " << why << "\n";
    return Exit::no;
}

Result<Exit> answer(const std::string& path, const std::string& question, const std::string& line) {
    const std::string journal = absolute(path);
    const auto reply = tell_run(journal + ".d", {question, line});
    if (!reply) {
        return tl::unexpected(reply.error());
    }
    if (!reply->taken) {
        return refused(reply->text);
    }
    const auto written = written_answer(journal, question);
    if (!written) {
        return fail(Exit::unknown, journal,
                    "the run has taken the answer, but it is not there yet");
    }
    if (written->by.empty()) {
        return refused(written->text);
    }
    std::cout << fmt::format("{}, by {}\n", written->text, written->by);
    return Exit::yes;
}

Result<Exit> stop(const Given& given) {
    if (given.has("question")) {
        return answer(given.text("journal"), given.text("question"), "stop");
    }
    const auto reply = tell_run(absolute(given.text("journal")) + ".d", {"", "stop"});
    if (!reply) {
        return tl::unexpected(reply.error());
    }
    if (!reply->taken) {
        return refused(reply->text);
    }
    std::cout << "the run stops as soon as that is safe\n";
    return Exit::yes;
}

// One that gives this answer.
Command answer_by(const char* name, const char* summary, const char* word) {
    return {
        name,
        summary,
        fmt::format("Exit: 0 it stands in the journal; 1 not taken, as the run asks nothing, or "
                    "something\nelse, by now; 3 no run listens; 4 taken, and not in the journal "
                    "yet.\n\n  cutover {} 3fa21c --journal move.journal\n",
                    name),
        {question_option.required(), journal_option},
        [word](const Given& given) {
            return answer(given.text("journal"), given.text("question"), word);
        }};
}

Command answer_command() {
    return {"answer",
            "give a run any answer to what it asks",
            "The words are those that the run's terminal takes: yes, retry, go on REASON, undo, "
            "stop,\ndone, again, as `cutover status` lists them for the question.  Exit codes as "
            "of\n`cutover approve`.\n\n"
            "  cutover answer 3fa21c go on the vantage lost power, the NOC sees no loss --journal "
            "move.journal\n",
            {question_option.required(),
             Option::text("word", "the answer, and the reason where it wants one")
                 .required()
                 .repeated()
                 .positional(),
             journal_option},
            [](const Given& given) {
                const auto words = given.texts("word");
                return answer(given.text("journal"), given.text("question"),
                              fmt::format("{}", fmt::join(words, " ")));
            }};
}

Command stop_command() {
    return {"stop",
            "stop a run, to be resumed",
            "Without a question the run stops as soon as that is safe, as by SIGTERM; with one, "
            "only if it\nstill asks that.  Exit codes as of `cutover approve`.\n\n"
            "  cutover stop --journal move.journal\n",
            {question_option, journal_option},
            stop};
}

}  // namespace

std::vector<Command> answer_commands() {
    return {answer_by("approve", "answer yes to what a run asks", "yes"),
            answer_by("retry", "let a run try again what failed", "retry"), answer_command(),
            stop_command()};
}

}  // namespace rehome::cutover
