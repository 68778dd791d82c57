#include "cutover/command/preflight.h"

#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "common/clock.h"
#include "common/sha256.h"
#include "cutover/adapter/our_programs.h"
#include "cutover/adapter/preflight/far_look.h"
#include "cutover/adapter/preflight/host_look.h"
#include "cutover/command/opening.h"
#include "cutover/command/session.h"
#include "cutover/preflight/report.h"

namespace rehome::cutover {

namespace {

// On a terminal, one line that goes again.
class ProgressLine {
public:
    explicit ProgressLine(size_t hosts) : hosts_(hosts), shown_(isatty(STDERR_FILENO) == 1) {}
    ~ProgressLine() { say("\r\x1b[K"); }
    ProgressLine(const ProgressLine&) = delete;
    ProgressLine& operator=(const ProgressLine&) = delete;

    void answered(size_t count) const {
        say(fmt::format("\r{} of {} hosts have answered\x1b[K", count, hosts_));
    }

private:
    void say(const std::string& text) const {
        if (shown_) {
            (void)!write(STDERR_FILENO, text.data(), text.size());
        }
    }

    size_t hosts_;
    bool shown_;
};

// A journal of another run would keep this one from beginning.
Result<> check_journal(const std::string& journal) {
    std::error_code error;
    if (!journal.empty() && std::filesystem::exists(journal, error)) {
        return fail(Exit::no, journal,
                    "is there, expected a new file; `cutover status --journal` tells of the run");
    }
    return {};
}

Preflight judged(const Asks& asks, const std::vector<Answered>& answers,
                 const Yardstick& yardstick) {
    Preflight preflight;
    preflight.playbook = yardstick.plan.name;
    preflight.not_tried = asks.not_tried;
    for (size_t i = 0; i < answers.size(); ++i) {
        preflight.hosts.push_back(judge_host(asks.hosts[i], answers[i], yardstick));
    }
    return preflight;
}

Preflight look(const Opening& opening, const Plan& plan, const Inventory& inventory,
               const std::string& folder) {
    const Asks asks = asks_of(plan, inventory, opening.inventory_path, folder);
    const Yardstick yardstick{plan, inventory, opening.inventory_path,
                              sha256(nlohmann::json::parse(opening.inventory).dump()), version};
    const int64_t began = monotonic_us();
    std::vector<Answered> answers;
    {
        const ProgressLine line(asks.hosts.size());
        line.answered(0);
        answers = ask_all(asks.hosts, inventory, [&line](size_t count) { line.answered(count); });
    }
    Preflight preflight = judged(asks, answers, yardstick);
    preflight.at = opening.at;
    preflight.took_s = static_cast<double>(monotonic_us() - began) / 1e6;
    return preflight;
}

Result<Exit> act_preflight(const Given& given) {
    const auto opening = read_opening(given, preflight_run_dir);
    if (!opening) {
        return tl::unexpected(opening.error());
    }
    const auto plan = plan_of(*opening, false);
    if (!plan) {
        return print_mistakes(plan.error());
    }
    const std::string journal = given.has("journal") ? absolute(given.text("journal")) : "";
    if (const auto free = check_journal(journal); !free) {
        return tl::unexpected(free.error());
    }
    const auto inventory = parse_inventory(opening->inventory_path, opening->inventory);
    prefer_our_programs();
    const std::string folder =
        std::filesystem::path(journal.empty() ? absolute("journal") : journal).parent_path();
    const Preflight preflight = look(*opening, *plan, *inventory, folder);
    std::cout << (given.has("json") ? preflight_json(preflight) : preflight_text(preflight));
    return answer_of(preflight);
}

Result<Exit> act_host(const Given&) {
    const std::string ask{std::istreambuf_iterator<char>(std::cin), {}};
    const auto answer = look_at_this_host(ask);
    if (!answer) {
        return print_mistakes(answer.error());
    }
    std::cout << *answer << "\n";
    return Exit::yes;
}

}  // namespace

std::vector<Command> preflight_commands() {
    return {
        {"preflight",
         "say at noon what will fail at night",
         "Asks every host of the playbook at once for all that its steps need there: programs,\n"
         "files, rights, sessions, links, clocks, room; tries each gate and check once, as they\n"
         "only look; and names what an earlier run has left.  Changes nothing.\n\n"
         "Exit: 0 all is good; 1 something will fail; 2 wrong usage or input; 4 nothing is known\n"
         "to fail, and something cannot be told.\n\n"
         "  cutover preflight subnet-move.json --inventory inventory.json --journal move.journal\n",
         {playbook_option(), inventory_option(), set_option(), Option::flag("json", "print JSON"),
          Option::text("journal",
                       "where the run will write its journal: its folder is looked at "
                       "(default: the present one)")},
         act_preflight},
        {"preflight-host",
         "answer for this host (what `cutover preflight` runs on each)",
         "Reads what is asked, rehome/preflight-ask/1, from standard input, and prints\n"
         "rehome/preflight-host/1.  Changes nothing.\n",
         {},
         act_host}};
}

}  // namespace rehome::cutover
