#include "cutover/preflight/judge_tried.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/clock.h"
#include "cutover/run/figure.h"

namespace rehome::cutover {

namespace {

using nlohmann::json;

constexpr const char* mend = "mend the playbook, or what prints it";

void judge_figure(const Use& use, const Figure& figure, const json& document, Findings& findings) {
    for (const std::string& pointer : {figure.pointer, figure.of}) {
        if (!pointer.empty() && find_values(document, pointer).empty()) {
            findings.fails(fmt::format("{}: {} leads nowhere", use.step, pointer), "a value", mend);
            return;
        }
    }
    const FigureReading reading = read_figure(figure, document, 0);
    if (reading.verdict == Verdict::cannot_tell) {
        findings.unknown(fmt::format("{}: {}", use.step, reading.shown),
                         "a figure that can be told", mend);
    }
}

bool looks_into(const Use& use) {
    return !use.sample.figures.empty() || !use.sample.fresh.empty() || !use.was.empty();
}

void judge_use(const Use& use, const json& document, Findings& findings) {
    if (document.is_null() && looks_into(use)) {
        return findings.fails(use.step + ": its output is not JSON", "JSON", mend);
    }
    for (const Figure& figure : use.sample.figures) {
        judge_figure(use, figure, document, findings);
    }
    for (const auto& [name, pointer] : use.was) {
        if (find_value(document, pointer) == nullptr) {
            findings.fails(fmt::format("{}: {} leads nowhere", use.step, pointer),
                           "what was." + name + " keeps", mend);
        }
    }
    if (use.sample.fresh.empty()) {
        return;
    }
    const json* at = find_value(document, use.sample.fresh);
    if (at == nullptr || !at->is_string() || !parse_iso8601(at->get_ref<const std::string&>())) {
        findings.fails(fmt::format("{}: {} tells no time", use.step, use.sample.fresh),
                       "when the sample was taken", mend);
    }
}

// Its inventory, vipd or BIRD has been judged by itself, and says more.
bool told_before(const Tried& tried, const Findings& findings) {
    const std::string& program = tried.command.front();
    return findings.any(Area::files) || (program == "vipctl" && findings.any(Area::vipd)) ||
           (program == "cutover" && tried.command.size() > 1 && tried.command[1] == "bird" &&
            findings.any(Area::bird));
}

// Of a program of ours that says neither yes nor no.
void judge_failure(int exit, const std::string& what, Findings& findings) {
    const char* todo = "mend what it names";
    if (exit == static_cast<int>(Exit::unknown)) {
        findings.unknown(what, "yes or no", todo);
    } else {
        findings.fails(
            what,
            exit == static_cast<int>(Exit::usage) ? "input that it takes" : "that it can be asked",
            todo);
    }
}

// Of a foreign program, whose 1 is a no as that of ours; but what it would print was not seen.
void judge_foreign_failure(const Tried& tried, int exit, const std::string& what,
                           Findings& findings) {
    const bool is_no = exit == static_cast<int>(Exit::no);
    if (!is_no || std::any_of(tried.uses.begin(), tried.uses.end(), looks_into)) {
        findings.unknown(what, is_no ? "its figures" : "yes or no", "try it there");
    }
}

}  // namespace

void judge_tried(const Tried& tried, const json& answer, Findings& findings) {
    const std::string place =
        fmt::format("{}: {}", tried.uses.front().step, printable(tried.command));
    const std::string err = answer.at("err");
    const auto wrong = [&](const std::string& what) { return place + ": " + what; };
    const bool ours = is_ours(tried.command.front());
    const json& exit = answer.at("exit");
    if (exit.is_null()) {
        findings.fails(
            wrong(answer.at("trouble").is_null() ? "was not run"
                                                 : answer.at("trouble").get<std::string>()),
            "that it can be asked", mend);
    } else if (answer.at("timed_out") == true) {
        findings.unknown(wrong("has not ended in time"), "an answer", "try it there");
    } else if (ours && exit >= static_cast<int>(Exit::usage)) {
        if (!told_before(tried, findings)) {
            judge_failure(exit, wrong(err), findings);
        }
    } else if (exit == 0) {
        for (const Use& use : tried.uses) {
            judge_use(use, answer.at("out"), findings);
        }
    } else if (!ours) {
        judge_foreign_failure(
            tried, exit, wrong(fmt::format("exit code {}: {}", exit.get<int>(), err)), findings);
    }
}

}  // namespace rehome::cutover
