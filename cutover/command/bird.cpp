#include "cutover/command/bird.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>

#include "common/clock.h"
#include "common/far_program.h"
#include "common/hand_door.h"
#include "common/inventory.h"
#include "common/stop_signal.h"
#include "cutover/adapter/bird/announce.h"

namespace rehome::cutover {

namespace {

using nlohmann::ordered_json;

const Option inventory_option = Option::text("inventory", "the inventory").required();
const Option gateway_option =
    Option::text("gateway", "this gateway's name in the inventory").required();
const Option json_option = Option::flag("json", "print JSON");
const Option carrier_option =
    Option::text("carrier", "a carrier; may be given again (default: all)").repeated();
const Option timeout_option =
    Option::number("timeout-s", "how long to wait for BIRD's tables, and for other changes")
        .by_default("10");
const Option state_option = Option::text("state", "announced | drained | withdrawn").required();

// The carriers to which this gateway has a line.
std::vector<CarrierTarget> carriers_of(const Inventory& inventory, const std::string& gateway) {
    std::vector<CarrierTarget> carriers;
    const Site* site = inventory.site_of_gateway(gateway);
    for (const Line& line : site != nullptr ? site->lines : std::vector<Line>()) {
        if (line.gateway == gateway) {
            carriers.push_back({line.carrier, line.bird_sessions, line.far_bird});
        }
    }
    return carriers;
}

Result<std::vector<CarrierTarget>> asked_carriers(const Given& given,
                                                  const std::vector<CarrierTarget>& known) {
    if (given.find("carrier") == nullptr || !given.has("carrier")) {
        return known;
    }
    std::vector<CarrierTarget> asked;
    for (const std::string& name : given.texts("carrier")) {
        const auto found =
            std::find_if(known.begin(), known.end(),
                         [&name](const CarrierTarget& carrier) { return carrier.name == name; });
        if (found == known.end()) {
            return fail(Exit::usage, "--carrier",
                        in_quotes(name) + " is no carrier of this gateway");
        }
        asked.push_back(*found);
    }
    return asked;
}

Checked<BirdTarget> target_of(const Given& given) {
    const auto inventory = read_inventory(given.text("inventory"));
    if (!inventory) {
        return tl::unexpected(inventory.error());
    }
    const auto name = given.text("gateway");
    const Gateway* gateway = inventory->gateway(name);
    const auto wrong = [](Error error) {
        return tl::unexpected<std::vector<Error>>({std::move(error)});
    };
    if (gateway == nullptr || gateway->bird_socket.empty()) {
        return wrong({Exit::usage, "--gateway",
                      in_quotes(name) + " is no gateway with a BIRD in the inventory"});
    }
    const auto all = carriers_of(*inventory, name);
    auto carriers = asked_carriers(given, all);
    if (!carriers) {
        return wrong(carriers.error());
    }
    return BirdTarget{name, gateway->bird_socket, gateway->bird_announce,
                      all,  std::move(*carriers), inventory->prefixes};
}

Result<Announce> asked_state(const Given& given) {
    const auto text = given.text("state");
    if (const auto state = parse_announce(text)) {
        return *state;
    }
    return fail(Exit::usage, "--state",
                in_quotes(text) + ", expected announced, drained or withdrawn");
}

ordered_json to_json(const PrefixView& view) {
    ordered_json object{{"prefix", view.prefix.text()},
                        {"session", view.session},
                        {"exported", name(view.exported)}};
    object["inside"] = ordered_json::array();
    for (const Route& route : view.inside) {
        object["inside"].push_back(
            {{"prefix", route.prefix.text()}, {"exported", name(route.exported)}});
    }
    return object;
}

ordered_json to_json(const FarView& view) {
    ordered_json object = ordered_json::object();
    if (!view.failure.empty()) {
        object["failure"] = view.failure;
        return object;
    }
    object["held"] = ordered_json::array();
    for (const Prefix& prefix : view.held) {
        object["held"].push_back(prefix.text());
    }
    return object;
}

ordered_json to_json(const CarrierView& view) {
    ordered_json object{{"carrier", view.carrier}, {"stated", name(view.stated)}};
    object["running"] = view.running ? ordered_json(name(*view.running)) : ordered_json();
    object["sessions"] = ordered_json::array();
    for (const BgpSession& session : view.sessions) {
        object["sessions"].push_back({{"session", session.name}, {"state", session.state}});
    }
    object["prefixes"] = ordered_json::array();
    for (const PrefixView& prefix : view.prefixes) {
        object["prefixes"].push_back(to_json(prefix));
    }
    if (view.far) {
        object["far"] = to_json(*view.far);
    }
    return object;
}

ordered_json to_json(const BirdTarget& target, const BirdView& view) {
    ordered_json object{{"schema", "rehome/bird/2"},
                        {"at", iso8601(now_us())},
                        {"gateway", target.gateway},
                        {"unconfirmed", view.unconfirmed}};
    object["carriers"] = ordered_json::array();
    for (const CarrierView& carrier : view.carriers) {
        object["carriers"].push_back(to_json(carrier));
    }
    return object;
}

std::string to_text(const FarView& view) {
    if (!view.failure.empty()) {
        return "  far side: cannot tell: " + view.failure + "\n";
    }
    std::string text = "  far side holds";
    for (const Prefix& prefix : view.held) {
        text += " " + prefix.text();
    }
    return text + (view.held.empty() ? " none of them\n" : "\n");
}

std::string to_text(const CarrierView& view) {
    std::string text = fmt::format("{}: {}", view.carrier, name(view.stated));
    if (view.running != view.stated) {
        text += fmt::format(" (BIRD runs with {})", view.running ? name(*view.running) : "none");
    }
    for (const BgpSession& session : view.sessions) {
        text += fmt::format(", session {} {}", session.name, session.state);
    }
    text += "\n";
    for (const PrefixView& prefix : view.prefixes) {
        text += fmt::format("  {}  {}{}\n", prefix.prefix.text(), name(prefix.exported),
                            prefix.session.empty() ? " (no session of its family)" : "");
        for (const Route& route : prefix.inside) {
            text += fmt::format("    {}  {}\n", route.prefix.text(), name(route.exported));
        }
    }
    return view.far ? text + to_text(*view.far) : text;
}

std::string to_text(const BirdView& view) {
    std::string text = view.unconfirmed ? "a configuration waits to be confirmed\n" : "";
    for (const CarrierView& carrier : view.carriers) {
        text += to_text(carrier);
    }
    return text;
}

Result<BirdView> look(const BirdTarget& target) {
    auto bird = BirdClient::connect(target.socket);
    if (!bird) {
        return tl::unexpected(bird.error());
    }
    return look_at_bird(*bird, target);
}

Result<BirdView> look_and_print(const BirdTarget& target, bool json) {
    auto view = look(target);
    if (view) {
        std::cout << (json ? to_json(target, *view).dump(2) + "\n" : to_text(*view));
    }
    return view;
}

Result<Exit> act_show(const Given& given) {
    const auto target = target_of(given);
    if (!target) {
        return print_mistakes(target.error());
    }
    const auto view = look_and_print(*target, given.has("json"));
    if (!view) {
        return tl::unexpected(view.error());
    }
    return Exit::yes;
}

Result<Exit> act_check(const Given& given) {
    const auto target = target_of(given);
    if (!target) {
        return print_mistakes(target.error());
    }
    const auto state = asked_state(given);
    if (!state) {
        return tl::unexpected(state.error());
    }
    const auto view = look_and_print(*target, given.has("json"));
    if (!view) {
        return tl::unexpected(view.error());
    }
    Exit answer = Exit::yes;
    const auto say = [&answer](const Verdict& verdict) {
        std::cerr << "cutover bird check: " << verdict.why << "\n";
        answer = answer == Exit::no ? answer : verdict.answer;
    };
    // It looks right, and will be undone.
    if (view->unconfirmed) {
        say({Exit::no, "a configuration waits to be confirmed"});
    }
    for (const CarrierView& carrier : view->carriers) {
        if (const Verdict verdict = judge(carrier, *state); verdict.answer != Exit::yes) {
            say(verdict);
        }
    }
    return answer;
}

// What our hand is to do should we be killed.
Argv put_back_argv(const Given& given) {
    return {path_of_ours(Host{}, "cutover"),
            "bird",
            "put-back",
            "--inventory",
            std::filesystem::absolute(given.text("inventory")),
            "--gateway",
            given.text("gateway"),
            "--timeout-s",
            fmt::format("{}", given.number("timeout-s"))};
}

Result<AnnounceOptions> announce_options(const Given& given) {
    const double limit_s = given.number("timeout-s");
    if (!(limit_s >= 0.1 && limit_s <= 600)) {
        return fail(Exit::usage, "--timeout-s", "expected 0.1 to 600");
    }
    AnnounceOptions options;
    options.limit = std::chrono::duration_cast<std::chrono::milliseconds>(
        std::chrono::duration<double>(limit_s));
    return options;
}

Result<Exit> act_put_back(const Given& given) {
    const auto target = target_of(given);
    if (!target) {
        return print_mistakes(target.error());
    }
    const auto options = announce_options(given);
    const auto done =
        options ? put_back_what_was_cut(*target, *options) : tl::unexpected(options.error());
    if (!done) {
        return tl::unexpected(done.error());
    }
    for (const std::string& note : *done) {
        std::cout << note << "\n";
    }
    return Exit::yes;
}

Result<Exit> act_announce(const Given& given) {
    const auto target = target_of(given);
    if (!target) {
        return print_mistakes(target.error());
    }
    const auto state = asked_state(given);
    if (!state) {
        return tl::unexpected(state.error());
    }
    auto options = announce_options(given);
    if (!options) {
        return tl::unexpected(options.error());
    }
    // A lost terminal is no wish to end: half of it would stay.
    StopSignal::Manner manner;
    manner.outlives_terminal = true;
    const auto stop = StopSignal::watch(manner);
    if (!stop) {
        return tl::unexpected(stop.error());
    }
    options->way_back = given.has("way-back");
    options->stop = &*stop;
    // As long as going back may take: reaching BIRD, loading, seeing.
    if (auto asked = if_cut(put_back_argv(given), 4 * options->limit); !asked) {
        return tl::unexpected(asked.error());
    }
    const auto made = announce(*target, *state, *options);
    if (auto taken_back = not_cut(); !taken_back) {
        std::cerr << "cutover bird announce: " << taken_back.error().text() << "\n";
    }
    if (!made) {
        return tl::unexpected(made.error());
    }
    for (const std::string& note : made->notes) {
        std::cerr << "cutover bird announce: " << note << "\n";
    }
    if (made->verdict.answer != Exit::yes) {
        std::cerr << "cutover bird announce: done, but " << made->verdict.why << "\n";
    }
    const auto view = look_and_print(*target, given.has("json"));
    if (!view) {
        return tl::unexpected(view.error());
    }
    return made->verdict.answer;
}

Command announce_command() {
    return {
        "bird announce",
        "state what is announced to carriers, and see that it is",
        "Writes the include file, lets BIRD read it under its undo timer, sees in BIRD's tables\n"
        "(and at the far side, where the inventory names one) that every moved prefix is\n"
        "announced plainly, with GRACEFUL_SHUTDOWN (drained), or not at all, and confirms.\n"
        "When anything fails, or on SIGTERM or SIGINT, all is put back and looked at again.\n\n"
        "Exit: 0 done; 2 wrong usage or input; 3 not done (no established session, refused,\n"
        "not seen in the tables in time), and all is as it was unless it says otherwise; 4 done,\n"
        "or put back, but what the carrier holds cannot be told.\n\n"
        "  cutover bird announce --inventory inventory.json --gateway new-gw \\\n"
        "      --carrier red --carrier green --state announced\n",
        {inventory_option, gateway_option, json_option, state_option, carrier_option,
         Option::flag("way-back", "an undo: do not refuse what other carriers have unread"),
         timeout_option},
        act_announce};
}

Command put_back_command() {
    return {"bird put-back",
            "put back what an announcement that was killed has left half done",
            "What a run's hand does by itself (cutover(1), THE HAND).  Where nothing was left, it\n"
            "does nothing.  Exit: 0 all is as before; 3 it is not, or BIRD cannot be asked.\n\n"
            "  cutover bird put-back --inventory inventory.json --gateway new-gw\n",
            {inventory_option, gateway_option, timeout_option},
            act_put_back};
}

Command check_command() {
    return {
        "bird check",
        "see whether carriers are told what they should be",
        "Exit: 0 as asked; 1 not, or not confirmed; 3 BIRD cannot be asked; 4 cannot tell what\n"
        "the carrier holds.\n\n"
        "  cutover bird check --inventory inventory.json --gateway old-gw --carrier red \\\n"
        "      --state drained\n",
        {inventory_option, gateway_option, json_option, state_option, carrier_option},
        act_check};
}

Command show_command() {
    return {"bird show",
            "print what carriers are told",
            "  cutover bird show --inventory inventory.json --gateway old-gw --json\n",
            {inventory_option, gateway_option, json_option, carrier_option},
            act_show};
}

}  // namespace

std::vector<Command> bird_commands() {
    return {announce_command(), put_back_command(), check_command(), show_command()};
}

}  // namespace rehome::cutover
