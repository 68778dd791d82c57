#include "cutover/adapter/preflight/far_look.h"

#include <atomic>
#include <nlohmann/json.hpp>

#include "common/command.h"
#include "common/far_program.h"
#include "cutover/adapter/parallel.h"
#include "cutover/adapter/preflight/host_look.h"

namespace rehome::cutover {

namespace {

using nlohmann::ordered_json;

// A host's own commands take 20 s each at most, some of them at once.
constexpr std::chrono::seconds longest_answer{90};
constexpr size_t longest_output = 64u << 20;

// A clock that is known no better is looked at again, when less is under way: many logins at once
// take their time, and all of it before the host can say what its clock is.
constexpr double close_enough_ms = 200;
constexpr int looks_at_clock = 4;
constexpr size_t clocks_at_once = 2;

constexpr std::chrono::seconds longest_version{20};
constexpr int cannot_run = 126;
constexpr int not_found = 127;
constexpr int no_namespace = 255;  // of ip-netns(8)

Result<Finished> ask_ours(const HostAsk& host, const Inventory& inventory) {
    return run_ours_on(host.host, "cutover", {"preflight-host"},
                       {.timeout = longest_answer,
                        .input = ask_json(host, inventory),
                        .output_limit = longest_output});
}

void look_at_clock(const HostAsk& host, const Inventory& inventory, Answered& answered) {
    HostAsk nothing;
    nothing.host = host.host;
    for (int i = 0;
         i < looks_at_clock && answered.clock && answered.clock->error_ms > close_enough_ms; ++i) {
        Answered again;
        again.asked = now_us();
        again.end = ask_ours(nothing, inventory);
        again.came = now_us();
        const auto clock = offset_of(again);
        if (clock && clock->error_ms < answered.clock->error_ms) {
            answered.clock = clock;
        }
    }
}

ordered_json program_as_told(const std::string& program, const Finished& said) {
    const bool is_there = said.code != not_found && said.code != cannot_run;
    return {{"program", program},
            {"path", is_there ? ordered_json(program) : ordered_json()},
            {"version", said.code == 0 ? version_in(said.out) : ordered_json()}};
}

// An answer of the same format, of a host where no cutover is needed: each program of ours is asked
// for its version, and each tool tried.
Result<Finished> ask_tools(const HostAsk& host) {
    ordered_json answer{{"schema", "rehome/preflight-host/1"}, {"version", version}};
    answer["began"] = answer["ended"] = iso8601(now_us());
    answer["hand"] = nullptr;
    for (const char* list :
         {"programs", "tools", "inventories", "vipd", "bird", "routes", "folders", "samples"}) {
        answer[list] = ordered_json::array();
    }
    for (const std::string& program : host.programs) {
        auto said = run_ours_on(host.host, program, {"--version"}, {.timeout = longest_version});
        if (!said || said->timed_out || said->code == no_namespace) {
            return said;  // the host does not answer, whatever it has
        }
        answer["programs"].push_back(program_as_told(program, *said));
    }
    for (const Argv& tool : host.tools) {
        answer["tools"].push_back(tried_on(host.host, tool));
    }
    return Finished{0, false, answer.dump(), ""};
}

}  // namespace

std::vector<Answered> ask_all(const std::vector<HostAsk>& hosts, const Inventory& inventory,
                              const std::function<void(size_t)>& answered) {
    std::vector<Answered> answers(hosts.size());
    std::atomic<size_t> count{0};
    for_all(hosts.size(), hosts_at_once, [&](size_t i) {
        Answered& answer = answers[i];
        answer.asked = now_us();
        answer.end = hosts[i].ours ? ask_ours(hosts[i], inventory) : ask_tools(hosts[i]);
        answer.came = now_us();
        answer.clock = offset_of(answer);
        answered(++count);
    });
    for_all(hosts.size(), clocks_at_once,
            [&](size_t i) { look_at_clock(hosts[i], inventory, answers[i]); });
    return answers;
}

}  // namespace rehome::cutover
