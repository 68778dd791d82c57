#include "cutover/command/bird.h"

#include <fmt/format.h>

#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>

#include "common/clock.h"
#include "common/inventory.h"
#include "cutover/adapter/bird/announce.h"

namespace rehome::cutover {

namespace {

using nlohmann::ordered_json;
using Strings = std::vector<std::string>;

const Option inventory_option = Option::text("inventory", "the inventory").required();
const Option gateway_option =
    Option::text("gateway", "this gateway's name in the inventory").required();
const Option json_option = Option::flag("json", "print JSON");
const Option carrier_option =
    Option::text("carrier", "a carrier; may be given again (default: all)").repeated();
const Option state_option = Option::text("state", "announced | drained | withdrawn").required();

// The carriers to which this gateway has a line.
Strings carriers_of(const Inventory& inventory, const std::string& gateway) {
    Strings carriers;
    const Site* site = inventory.site_of_gateway(gateway);
    for (const Line& line : site != nullptr ? site->lines : std::vector<Line>()) {
        if (line.gateway == gateway) {
            carriers.push_back(line.carrier);
        }
    }
    return carriers;
}

Result<Strings> asked_carriers(const Given& given, const Strings& known) {
    if (!given.has("carrier")) {
        return known;
    }
    const Strings asked = given.texts("carrier");
    for (const std::string& carrier : asked) {
        if (std::find(known.begin(), known.end(), carrier) == known.end()) {
            return fail(Exit::usage, "--carrier",
                        in_quotes(carrier) + " is no carrier of this gateway");
        }
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
    auto carriers = asked_carriers(given, carriers_of(*inventory, name));
    if (!carriers) {
        return wrong(carriers.error());
    }
    return BirdTarget{name, gateway->bird_socket, gateway->bird_announce, *carriers,
                      inventory->prefixes};
}

Result<Announce> asked_state(const Given& given) {
    const auto text = given.text("state");
    if (const auto state = parse_announce(text)) {
        return *state;
    }
    return fail(Exit::usage, "--state",
                in_quotes(text) + ", expected announced, drained or withdrawn");
}

ordered_json to_json(const BirdTarget& target, const BirdView& view) {
    ordered_json object{{"schema", "rehome/bird/1"},
                        {"at", iso8601(now_us())},
                        {"gateway", target.gateway},
                        {"unconfirmed", view.unconfirmed}};
    object["carriers"] = ordered_json::array();
    for (const CarrierView& carrier : view.carriers) {
        ordered_json one{{"carrier", carrier.carrier},
                         {"stated", name(carrier.stated)},
                         {"session", carrier.session}};
        one["prefixes"] = ordered_json::array();
        for (const PrefixView& prefix : carrier.prefixes) {
            one["prefixes"].push_back(
                {{"prefix", prefix.prefix.text()}, {"exported", name(prefix.exported)}});
        }
        object["carriers"].push_back(std::move(one));
    }
    return object;
}

std::string to_text(const BirdView& view) {
    std::string text = view.unconfirmed ? "a configuration waits to be confirmed\n" : "";
    for (const CarrierView& carrier : view.carriers) {
        text += fmt::format("{}: {}, session {}\n", carrier.carrier, name(carrier.stated),
                            carrier.session);
        for (const PrefixView& prefix : carrier.prefixes) {
            text += fmt::format("  {}  {}\n", prefix.prefix.text(), name(prefix.exported));
        }
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
    const auto no = [&answer](const std::string& why) {
        std::cerr << "cutover bird check: " << why << "\n";
        answer = Exit::no;
    };
    // It looks right, and will be undone.
    if (view->unconfirmed) {
        no("a configuration waits to be confirmed");
    }
    for (const CarrierView& carrier : view->carriers) {
        if (const std::string why = why_not(carrier, *state); !why.empty()) {
            no(why);
        }
    }
    return answer;
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
    const double limit_s = given.number("timeout-s");
    if (!(limit_s >= 0.1 && limit_s <= 600)) {
        return fail(Exit::usage, "--timeout-s", "expected 0.1 to 600");
    }
    const auto limit = std::chrono::duration_cast<std::chrono::milliseconds>(
        std::chrono::duration<double>(limit_s));
    if (auto made = announce(*target, *state, limit); !made) {
        return tl::unexpected(made.error());
    }
    const auto view = look_and_print(*target, given.has("json"));
    if (!view) {
        return tl::unexpected(view.error());
    }
    return Exit::yes;
}

Command announce_command() {
    return {
        "bird announce",
        "state what is announced to carriers, and see that it is",
        "Writes the include file, lets BIRD read it under its undo timer, sees in BIRD's tables\n"
        "that every moved prefix is announced plainly, with GRACEFUL_SHUTDOWN (drained), or\n"
        "not at all, and confirms.  When anything fails all is put back.\n\n"
        "Exit: 0 done; 2 wrong usage or input; 3 not done (no established session, refused,\n"
        "not seen in the tables in time), and all is as it was unless it says otherwise.\n\n"
        "  cutover bird announce --inventory inventory.json --gateway new-gw \\\n"
        "      --carrier red --carrier green --state announced\n",
        {inventory_option, gateway_option, json_option, state_option, carrier_option,
         Option::number("timeout-s", "how long to wait for BIRD's tables, and for other changes")
             .by_default("10")},
        act_announce};
}

Command check_command() {
    return {"bird check",
            "see whether carriers are told what they should be",
            "Exit: 0 as asked; 1 not, or not confirmed; 3 BIRD cannot be asked.\n\n"
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
    return {announce_command(), check_command(), show_command()};
}

}  // namespace rehome::cutover
