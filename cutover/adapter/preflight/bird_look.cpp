#include "cutover/adapter/preflight/bird_look.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "common/far_program.h"
#include "cutover/adapter/bird/view.h"
#include "cutover/adapter/bird/way_back.h"

namespace rehome::cutover {

namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr std::chrono::seconds longest_command{10};

// A carrier as it is asked about.
CarrierTarget carrier_of(const json& ask) {
    CarrierTarget carrier{ask.at("carrier"), ask.at("sessions"), {}};
    const json& far = ask.at("far");
    if (!far.is_null()) {
        carrier.far = FarBird{far.at("host"), far.at("socket"), far.at("sessions")};
    }
    return carrier;
}

Result<BirdTarget> target_of(const json& ask) {
    BirdTarget target{ask.at("gateway"), ask.at("socket"), ask.at("announce"), {}, {}, {}};
    for (const json& name : ask.at("all")) {
        target.all.push_back({name, {}, {}});
    }
    for (const json& carrier : ask.at("carriers")) {
        target.carriers.push_back(carrier_of(carrier));
    }
    for (const json& text : ask.at("prefixes")) {
        auto prefix = Prefix::parse(text.get<std::string>());
        if (!prefix) {
            return tl::unexpected(prefix.error());
        }
        target.prefixes.push_back(*prefix);
    }
    return target;
}

// The include file is replaced by one that is written beside it.
Result<> can_replace(const std::string& file) {
    const std::string folder = std::filesystem::path(file).parent_path().string();
    for (const std::string& path : {file, folder}) {
        if (access(path.c_str(), W_OK) != 0) {
            return fail(Exit::world, path, fmt::format("cannot be written: {}", strerror(errno)));
        }
    }
    return {};
}

// Its sessions at the carrier's side; empty: all are established.
std::string far_trouble(const FarBird& far) {
    const auto host = Host::parse(far.host);
    if (!host) {
        return host.error().text();
    }
    for (const std::string& session : far.sessions) {
        const auto printed =
            output_of(*host, {"birdc", "-r", "-s", far.socket, "show", "protocols", session},
                      {.timeout = longest_command});
        if (!printed) {
            return printed.error().text();
        }
        if (printed->find("Established") == std::string::npos) {
            return fmt::format("{}: the session {} is not established there", far.host, session);
        }
    }
    return "";
}

const char* answer_name(Exit answer) {
    return answer == Exit::yes ? "yes" : answer == Exit::no ? "no" : "unknown";
}

ordered_json carrier_json(BirdClient& bird, const BirdTarget& target, const CarrierTarget& carrier,
                          Announce stated, Announce expected, std::string& trouble) {
    ordered_json object{{"carrier", carrier.name},
                        {"stated", name(stated)},
                        {"unable", ""},
                        {"answer", "unknown"},
                        {"why", ""},
                        {"far_trouble", nullptr}};
    const auto view = look_at_carrier(bird, target, carrier, stated);
    if (!view) {
        trouble = view.error().text();
        object["why"] = trouble;
        return object;
    }
    const Verdict verdict = judge(*view, expected);
    object["unable"] = why_unable(*view);
    object["answer"] = answer_name(verdict.answer);
    object["why"] = verdict.why;
    const std::string far = carrier.far ? far_trouble(*carrier.far) : "";
    object["far_trouble"] = far.empty() ? ordered_json() : ordered_json(far);
    return object;
}

// Its carriers, as far as BIRD answers; an error when it does not at all.
Result<> look(const json& ask, ordered_json& object) {
    auto target = target_of(ask);
    if (!target) {
        return tl::unexpected(target.error());
    }
    auto all = *target;
    all.carriers = all.all;
    const auto states = read_announce_file(all);
    if (!states) {
        return tl::unexpected(states.error());
    }
    const auto note = read_note(*target);
    object["cut_short"] = !note || !note->empty();
    auto bird = BirdClient::connect(target->socket);
    if (!bird) {
        return tl::unexpected(bird.error());
    }
    constexpr int undo_pending = 22;
    const auto status = bird->ask("configure status");
    if (!status) {
        return tl::unexpected(status.error());
    }
    object["unconfirmed"] = status->has(undo_pending);
    std::string trouble;
    for (size_t i = 0; i < target->carriers.size() && trouble.empty(); ++i) {
        const CarrierTarget& carrier = target->carriers[i];
        const auto expected =
            parse_announce(ask.at("carriers").at(i).at("state").get<std::string>());
        object["carriers"].push_back(
            carrier_json(*bird, *target, carrier, states->at(carrier.name), *expected, trouble));
    }
    if (!trouble.empty()) {
        return fail(Exit::world, "", trouble);
    }
    return can_replace(target->announce_file);
}

}  // namespace

ordered_json look_at_bird_of(const json& ask) {
    ordered_json object{{"gateway", ask.at("gateway")},
                        {"trouble", nullptr},
                        {"unconfirmed", false},
                        {"cut_short", false},
                        {"carriers", ordered_json::array()}};
    if (const auto looked = look(ask, object); !looked) {
        object["trouble"] = looked.error().text();
    }
    return object;
}

}  // namespace rehome::cutover
