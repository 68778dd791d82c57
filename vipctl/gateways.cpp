#include "vipctl/gateways.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "common/far_program.h"
#include "vipctl/client.h"

namespace rehome::vipctl {

namespace {

using nlohmann::json;

constexpr auto limit = std::chrono::milliseconds(10'000);
// To hold access rules ready they are built, at a low priority.
constexpr auto prepare_limit = std::chrono::milliseconds(25'000);

std::string name_of(const json& gateway) {
    return gateway.value("gateway", "");
}

Result<json> ask_at(const std::string& here, const json& gateway, const json& request,
                    std::chrono::milliseconds within = limit) {
    if (gateway.value("here", false)) {
        return ask_vipd(here, request, within);
    }
    const std::string socket = gateway.value("socket", "");
    const auto host = Host::parse(gateway.value("host", ""));
    if (!host || socket.empty()) {
        return fail(Exit::world, "", "the inventory does not say by which host and socket");
    }
    if (host->kind != Host::Kind::ssh) {
        return ask_vipd(socket, request, within);
    }
    RunOptions options{within};
    const auto line = line_of(request);
    if (!line) {
        return tl::unexpected(line.error());
    }
    options.input = *line;
    const auto said = output_of_ours(*host, "vipctl", {"--socket", socket, "tell"}, options);
    const json answer = said ? json::parse(*said, nullptr, false) : json();
    return !said ? tl::unexpected(said.error())
           : answer.is_object()
               ? Result<json>(answer)
               : fail(Exit::world, host->text(), "expected vipd's answer, got something else");
}

std::string list(const std::vector<std::string>& names) {
    return names.empty() ? "nobody" : fmt::format("{}", fmt::join(names, ", "));
}

json request(const char* command, const json& with) {
    json made = with;
    made["command"] = command;
    return made;
}

// What went wrong at which gateways, as one error of the worst kind.
struct Failed {
    std::string what;
    Exit kind = Exit::no;

    void add(const json& gateway, const Error& error) {
        what += fmt::format("{}{}: {}", what.empty() ? "" : "; ", name_of(gateway), error.text());
        kind = std::max(kind, error.kind);
    }
};

// What is not as it should be with an order that is in force; empty: nothing.
std::string wrong_of(const json& answer) {
    const json late = answer.value("late", json::array()),
               stored = answer.value("not_stored", json());
    return stored.is_string() ? "in force, not stored: " + stored.get<std::string>()
           : late.empty()     ? ""
                          : "workers " + late.dump() + " are late: they act on it when they come";
}

// The first step at one gateway.
Result<json> prepare_at(const std::string& socket, const json& gateway, const OrderToAll& order,
                        bool dry) {
    json prepare = request((order.what + "-prepare").c_str(), order.with);
    if (gateway.value("here", false)) {
        prepare["base"] = order.base;
    }
    if (dry) {
        prepare["dry_run"] = true;
    }
    return ask_at(socket, gateway, prepare, prepare_limit);
}

}  // namespace

Result<Recipients> recipients(const Given& given, const json& known) {
    Recipients to;
    to.left_out = given.texts("without");
    if (given.has("here") && !to.left_out.empty()) {
        return fail(Exit::usage, "", "expected --here or --without GATEWAY");
    }
    std::set<std::string> left_out;
    for (const std::string& name : to.left_out) {
        const bool is_other = std::any_of(known.begin(), known.end(), [&](const json& gateway) {
            return name_of(gateway) == name && !gateway.value("here", false);
        });
        if (!is_other) {
            return fail(Exit::usage, "",
                        in_quotes(name) + " is no other gateway, expected one of the inventory");
        }
        if (!left_out.insert(name).second) {
            return fail(Exit::usage, "", in_quotes(name) + " is given twice, expected once");
        }
    }
    std::copy_if(known.begin(), known.end(), std::back_inserter(to.gateways),
                 [&](const json& gateway) {
                     return !left_out.contains(name_of(gateway)) &&
                            (!given.has("here") || gateway.value("here", false));
                 });
    return to;
}

void add_recipients(std::vector<Option>& options) {
    options.push_back(Option::flag("here", "tell this gateway alone"));
    options.push_back(Option::text("without", "tell all gateways but this one, which is down")
                          .shown_as("GATEWAY")
                          .repeated());
}

Result<json> ask_gateway(const std::string& socket, const json& gateway, const json& request) {
    return ask_at(socket, gateway, request);
}

Result<json> try_at_all(const std::string& socket, const Gateways& gateways,
                        const OrderToAll& order) {
    Failed failed;
    json answers = json::array();
    for (const json& gateway : gateways) {
        const auto answer = prepare_at(socket, gateway, order, true);
        if (answer) {
            answers.push_back(*answer);
            answers.back()["gateway"] = name_of(gateway);
        } else {
            failed.add(gateway, answer.error());
        }
    }
    return failed.what.empty() ? Result<json>(answers) : fail(failed.kind, "", failed.what);
}

Result<ToldAll> tell_all(const std::string& socket, const Recipients& to, const OrderToAll& order) {
    Failed failed;
    std::string unreached;
    Gateways ready;
    std::string digest;
    for (const json& gateway : to.gateways) {
        const auto answer = prepare_at(socket, gateway, order, false);
        if (answer) {
            ready.push_back(gateway);
            digest = answer->value("digest", "");
        } else {
            failed.add(gateway, answer.error());
            const bool absent = answer.error().kind == Exit::world && !gateway.value("here", false);
            unreached += absent ? " --without " + name_of(gateway) : "";
        }
    }
    if (!failed.what.empty()) {
        for (const json& gateway : ready) {
            // Who does not hear it forgets them by itself.
            static_cast<void>(ask_at(
                socket, gateway, request((order.what + "-drop").c_str(), {{"digest", digest}})));
        }
        // What is held ready changes nothing, whether or not it came there.
        const Exit kind = failed.kind == Exit::unknown ? Exit::world : failed.kind;
        return fail(
            kind, "",
            failed.what + "; nothing is changed anywhere" +
                (unreached.empty() ? "" : ", expected" + unreached + " to tell the others"));
    }
    ToldAll all;
    std::vector<std::string> told;
    for (const json& gateway : ready) {
        const auto answer = ask_at(socket, gateway,
                                   request((order.what + "-commit").c_str(), {{"digest", digest}}));
        const bool here = gateway.value("here", false);
        if (!answer) {
            failed.add(gateway, answer.error());
            continue;
        }
        told.push_back(name_of(gateway));
        all.each.push_back({gateway, *answer});
        all.here = here ? *answer : all.here;
        if (const std::string wrong = here ? "" : wrong_of(*answer); !wrong.empty()) {
            failed.add(gateway, {Exit::world, "", wrong});
        }
    }
    if (!failed.what.empty()) {
        return fail(Exit::world, "",
                    failed.what + "; in force at " + list(told) +
                        "; give the order again, vipctl status names who differs");
    }
    all.here["told"] = told;
    if (!to.left_out.empty()) {
        all.here["left_out"] = to.left_out;
    }
    return all;
}

}  // namespace rehome::vipctl
