// What an earlier run has left counts as what will fail: the steps would find it so and never put
// it back.
#include "cutover/preflight/judge_gateway.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/formats/formats.h"
#include "common/json/file.h"

namespace rehome::cutover {

namespace {

using nlohmann::json;

bool is_left(const Plan& plan, const std::string& carrier) {
    return std::any_of(plan.left.begin(), plan.left.end(),
                       [&carrier](const LeftCarrier& left) { return left.name == carrier; });
}

// The element whose member `key` is that; null: there is none.
const json* find(const json& list, const char* key, const std::string& value) {
    const auto found = std::find_if(list.begin(), list.end(),
                                    [&](const json& one) { return one.at(key) == value; });
    return found == list.end() ? nullptr : &*found;
}

std::string text_or(const json& value, const char* otherwise) {
    return value.is_string() ? value.get<std::string>() : otherwise;
}

// One gateway's vipd, by its status.
class VipdJudge {
public:
    VipdJudge(const VipdAsk& ask, const json& status, const Yardstick& yardstick,
              Findings& findings)
        : ask_(ask),
          status_(status),
          site_(*yardstick.inventory.site_of_gateway(ask.gateway)),
          inventory_(yardstick.inventory),
          plan_(yardstick.plan),
          findings_(findings),
          vipctl_("vipctl --socket " + ask.socket + " ") {}

    void judge() {
        findings_.in(Area::vipd);
        who();
        orders();
        for (const Line& line : site_.lines) {
            if (line.gateway == ask_.gateway && !is_left(plan_, line.carrier)) {
                this->line(line);
            }
        }
        findings_.in(Area::paths);
        const Site& other =
            site_.name == inventory_.from ? inventory_.new_site() : inventory_.old_site();
        for (const Gateway& gateway : other.gateways) {
            peer(gateway.name);
        }
        findings_.in(Area::vipd);
    }

private:
    void who() {
        if (status_.at("gateway") != ask_.gateway) {
            findings_.fails(fmt::format("vipd at {} is {}", ask_.socket,
                                        text_or(status_.at("gateway"), "nobody")),
                            ask_.gateway, "mend `vipd` in the inventory");
        }
        for (const json& worker : status_.at("workers")) {
            if (worker.at("answers") != true) {
                findings_.fails(
                    fmt::format("vipd's worker {} stands still", worker.at("worker").dump()),
                    "that it answers", "restart vipd");
            }
        }
    }

    void orders() {
        const json& orders = status_.at("orders");
        if (!orders.at("not_stored").is_null()) {
            findings_.fails("vipd's orders are not stored: " + text_or(orders.at("not_stored"), ""),
                            "that they outlive a restart",
                            "mend " + text_or(orders.at("path"), ""));
        }
        if (!orders.at("set_aside").is_null()) {
            findings_.fails("vipd's orders are set aside: " + text_or(orders.at("set_aside"), ""),
                            "orders that hold", "look at `vipctl status`");
        }
        if (orders.at("confirmed") != true) {
            findings_.fails("vipd announces nothing until it is confirmed", "a vipd that serves",
                            vipctl_ + "confirm");
        }
        const double share = status_.at("share").at("percent");
        if (share != 0) {
            findings_.fails(fmt::format("the share is {} %", share), "0 % as a move begins",
                            vipctl_ + "share 0, if an earlier run left it");
        }
        for (const json& order : status_.at("disabled")) {
            const std::string what =
                fmt::format("{} {}", text_or(order.at("level"), ""), text_or(order.at("name"), ""));
            if (order.at("level") != "line") {  // those are looked at as lines
                findings_.fails(
                    fmt::format("{} is disabled ({})", what, text_or(order.at("mode"), "")),
                    "nothing that is as a move begins",
                    fmt::format("{}enable {}{}, if an earlier run left it", vipctl_, what,
                                order.at("level") == "site" ? " --here" : ""));
            }
        }
    }

    void line(const Line& line) {
        const json* found = find(status_.at("lines"), "carrier", line.carrier);
        if (found == nullptr) {
            findings_.fails("vipd has no line to " + line.carrier, "that of the inventory",
                            "write it into vipd.json, and `vipctl reload`");
            return;
        }
        const bool old = site_.name == inventory_.from;
        const std::string state = found->at("state");
        const std::string wanted = old ? "enabled" : "disabled";
        if (state == "down") {
            findings_.fails(fmt::format("the line to {} is down", line.carrier), wanted,
                            "look at its port in `vipctl status`");
        } else if (state != wanted) {
            findings_.fails(fmt::format("the line to {} is {}", line.carrier, state),
                            wanted + " as a move begins",
                            fmt::format("{}{} line {}, if an earlier run left it", vipctl_,
                                        old ? "enable" : "mask", line.carrier));
        }
        port(line.port, "the line to " + line.carrier);
    }

    void port(const std::string& name, const std::string& of) {
        const json* found = find(status_.at("ports"), "port", name);
        if (found != nullptr && found->at("up") != true) {
            findings_.fails(fmt::format("the port {} of {} is not up: {}", name, of,
                                        text_or(found->at("trouble"), "nobody knows why")),
                            "up", "look at its device and its twin");
        }
    }

    // It hears us, we hear it, and full packets get there.
    void peer(const std::string& name) {
        const json* found = find(status_.at("peers"), "gateway", name);
        if (found == nullptr) {
            findings_.fails("vipd has no peer " + name, "every gateway of the other site",
                            "give both a tunnel in vipd's inventory");
        } else if (found->at("alive") != true) {
            findings_.fails(found->at("hears_us") == false ? name + " does not hear this gateway"
                                                           : "does not hear " + name,
                            "keepalives both ways by the link", "look at the link, and at keys");
        } else if (found->at("narrow") == true) {
            findings_.fails(
                fmt::format("the link to {} loses full packets: {} bytes get there, {} "
                            "come from there",
                            name, found->at("link_mtu").dump(), found->at("link_mtu_back").dump()),
                "1500 and the tunnel's headers", "raise the link's MTU");
        } else if (found->at("link_mtu").is_null()) {
            findings_.unknown(fmt::format("the link to {} does not tell what gets through", name),
                              "1500 bytes and the tunnel's headers",
                              "look at `vipctl status` there, and ask again");
        }
    }

    const VipdAsk& ask_;
    const json& status_;
    const Site& site_;
    const Inventory& inventory_;
    const Plan& plan_;
    Findings& findings_;
    std::string vipctl_;
};

void judge_carrier(const BirdAsk& ask, const CarrierAsk& carrier, const json& answer,
                   Findings& findings) {
    const std::string& name_of = carrier.line->carrier;
    const std::string state(name(carrier.state));
    const std::string unable = answer.at("unable");
    if (answer.at("carrier") != name_of) {
        findings.unknown("BIRD's answer is not about " + name_of, "each carrier's", "ask again");
    } else if (!unable.empty()) {
        findings.fails("nothing can be announced to " + name_of + ": " + unable,
                       "established sessions", "look at `birdc show protocols` there");
    } else if (answer.at("answer") == "no") {
        findings.fails(answer.at("why"), state + " as a move begins",
                       fmt::format("cutover bird announce --gateway {} --carrier {} --state {}, if "
                                   "an earlier run left it",
                                   ask.gateway->name, name_of, state));
    } else if (answer.at("answer") == "unknown") {
        findings.unknown(answer.at("why"), state + " as a move begins",
                         "look at both ends of the session");
    }
    if (!answer.at("far_trouble").is_null()) {
        findings.fails(
            "at the far side of " + name_of + ": " + answer.at("far_trouble").get<std::string>(),
            "an established session", "look there");
    }
}

}  // namespace

void judge_vipd(const VipdAsk& ask, const json& answer, const Yardstick& yardstick,
                Findings& findings) {
    findings.in(Area::vipd);
    const std::string right = "start vipd, or give the user who asks the right to its socket";
    if (!answer.at("trouble").is_null() || answer.at("timed_out") || answer.at("exit") != 0) {
        const json& trouble = answer.at("trouble");
        findings.fails(fmt::format("vipd does not answer at {}: {}", ask.socket,
                                   trouble.is_null() ? answer.at("err").get<std::string>()
                                                     : trouble.get<std::string>()),
                       "its status", right);
        return;
    }
    const auto status =
        parse_json("vipctl status", answer.at("out").dump(), find_format("vipd-status")->schema);
    if (!status) {
        findings.unknown("vipd's answer cannot be understood: " + status.error().front().text(),
                         "rehome/vipd-status/1", "run the same version of vipd and vipctl");
        return;
    }
    VipdJudge(ask, *status, yardstick, findings).judge();
}

void judge_bird(const BirdAsk& ask, const json& answer, Findings& findings) {
    if (!answer.at("trouble").is_null()) {
        findings.fails(answer.at("trouble"), "a BIRD that answers, and an include file of its own",
                       "start it, or give the user who asks the right to both");
    }
    if (answer.at("unconfirmed") == true) {
        findings.fails("a configuration of BIRD waits to be confirmed, and will be undone",
                       "none as a move begins", "birdc configure confirm, or undo");
    }
    if (answer.at("cut_short") == true) {
        findings.fails("an announcement was killed, and is not put back",
                       "no " + ask.gateway->bird_announce + ".before",
                       "cutover bird announce puts it back first");
    }
    const json& carriers = answer.at("carriers");
    for (size_t i = 0; i < ask.carriers.size() && i < carriers.size(); ++i) {
        judge_carrier(ask, ask.carriers[i], carriers.at(i), findings);
    }
    if (answer.at("trouble").is_null() && carriers.size() != ask.carriers.size()) {
        findings.unknown("BIRD's answer is not about every carrier", "each carrier's", "ask again");
    }
}

}  // namespace rehome::cutover
