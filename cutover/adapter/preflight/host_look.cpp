#include "cutover/adapter/preflight/host_look.h"

#include <fmt/format.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "common/clock.h"
#include "common/command.h"
#include "common/far_program.h"
#include "common/inventory.h"
#include "common/json/file.h"
#include "common/sha256.h"
#include "cutover/adapter/hand/folder.h"
#include "cutover/adapter/login/socket.h"
#include "cutover/adapter/parallel.h"
#include "cutover/adapter/preflight/bird_look.h"

namespace rehome::cutover {

namespace {

using nlohmann::json;
using nlohmann::ordered_json;
namespace fs = std::filesystem;

constexpr std::string_view schema =
#include "common/formats/preflight-ask.schema.inc"
    ;

constexpr std::chrono::seconds longest_command{20};
constexpr size_t longest_printed = 4u << 20;
constexpr size_t at_once = 8;

std::string last_line(std::string_view text) {
    while (text.ends_with('\n')) {
        text.remove_suffix(1);
    }
    const size_t line = text.rfind('\n');
    return std::string(text.substr(line == text.npos ? 0 : line + 1).substr(0, 1000));
}

// ---- programs -----------------------------------------------------------------------------------

bool can_run(const fs::path& path) {
    std::error_code error;
    return access(path.c_str(), X_OK) == 0 && fs::is_regular_file(path, error);
}

// As execvp(3) finds it; empty: it does not.
std::string find_program(const std::string& program) {
    if (program.find('/') != std::string::npos) {
        return can_run(program) ? program : "";
    }
    const char* path = std::getenv("PATH");
    std::string_view rest = path != nullptr ? path : "/bin:/usr/bin";
    for (;;) {
        const size_t colon = rest.find(':');
        const fs::path folder(rest.substr(0, colon));
        if (can_run(folder / program)) {
            return (folder / program).string();
        }
        if (colon == rest.npos) {
            return "";
        }
        rest.remove_prefix(colon + 1);
    }
}

ordered_json version_of(const std::string& path) {
    return version_in(
        output_of(Host{}, {path, "--version"}, {.timeout = longest_command}).value_or(""));
}

ordered_json look_at_program(const json& ask) {
    const std::string program = ask.at("program");
    const std::string path = find_program(program);
    const bool versioned = ask.at("ours").get<bool>() && !path.empty();
    return {{"program", program},
            {"path", path.empty() ? ordered_json() : ordered_json(path)},
            {"version", versioned ? version_of(path) : ordered_json()}};
}

// ---- files and folders --------------------------------------------------------------------------

ordered_json look_at_inventory(const json& ask) {
    const std::string path = ask;
    ordered_json object{{"path", path}, {"sha256", nullptr}, {"trouble", nullptr}};
    const auto text = read_file(path);
    if (!text) {
        object["trouble"] = text.error().text();
        return object;
    }
    const auto inventory = parse_inventory(path, *text);
    if (!inventory) {
        object["trouble"] = inventory.error().front().text();
        return object;
    }
    object["sha256"] = sha256(json::parse(*text).dump());
    return object;
}

// The folder, or the nearest one above it that is there.
fs::path existing(fs::path folder) {
    std::error_code error;
    while (!fs::exists(folder, error) && folder.has_relative_path()) {
        folder = folder.parent_path();
    }
    return folder;
}

ordered_json look_at_room(const fs::path& folder) {
    ordered_json object{{"path", folder.string()}, {"free_mb", nullptr}, {"trouble", nullptr}};
    struct statvfs room {};
    if (access(folder.c_str(), W_OK | X_OK) != 0) {
        object["trouble"] =
            fmt::format("{} cannot be written: {}", folder.string(), std::strerror(errno));
    } else if (statvfs(folder.c_str(), &room) != 0) {
        object["trouble"] = fmt::format("{}: {}", folder.string(), std::strerror(errno));
    } else {
        object["free_mb"] = room.f_bavail * room.f_frsize >> 20;
    }
    return object;
}

// One that nobody makes: a journal goes where there is a folder.
ordered_json look_at_folder(const json& ask) {
    ordered_json object = look_at_room(fs::absolute(ask.get<std::string>()));
    object["path"] = ask;
    return object;
}

// Whether another run holds this host, and where its hand will write.
ordered_json look_at_hand(const std::string& place) {
    const std::string base = default_hand_base();
    const ordered_json folder = look_at_room(existing(fs::absolute(base)));
    ordered_json object{
        {"held_by", nullptr}, {"free_mb", folder.at("free_mb")}, {"trouble", folder.at("trouble")}};
    const auto holder = holder_of(base, place);
    if (!holder) {
        object["trouble"] = holder.error().text();
        return object;
    }
    const std::string held = why_held({}, *holder);
    object["held_by"] = held.empty() ? ordered_json() : ordered_json(held);
    return object;
}

// ---- ways ---------------------------------------------------------------------------------------

Result<> route(const json& ask) {
    const auto to = Address::parse(ask.at("to").get<std::string>());
    const auto source = Address::parse(ask.at("source").get<std::string>());
    if (!to || !source) {
        return tl::unexpected(to ? source.error() : to.error());
    }
    return check_route({{*to, 1}, ask.at("mark"), ask.at("interface")}, *source);
}

ordered_json look_at_route(const json& ask) {
    const auto found = route(ask);
    return {{"carrier", ask.at("carrier")},
            {"to", ask.at("to")},
            {"trouble", found ? ordered_json() : ordered_json(found.error().text())}};
}

// ---- commands -----------------------------------------------------------------------------------

// What it printed, where that is JSON that can be handed on.
ordered_json printed_json(const std::string& text) {
    Mistakes mistakes("output");
    const auto document = parse_json(mistakes, text, "{}");
    return document && mistakes.none() ? ordered_json(*document) : ordered_json();
}

ordered_json look_at_sample(const json& ask) {
    return tried_on(Host{}, ask.get<Argv>());
}

ordered_json look_at_vipd(const json& ask) {
    return tried_on(Host{}, {"vipctl", "--socket", ask, "status", "--json"});
}

// ---- all of it ----------------------------------------------------------------------------------

struct Look {
    const char* list;
    ordered_json (*at)(const json& ask);
};

constexpr Look looks[] = {
    {"programs", look_at_program}, {"tools", look_at_sample},   {"inventories", look_at_inventory},
    {"vipd", look_at_vipd},        {"bird", look_at_bird_of},   {"routes", look_at_route},
    {"folders", look_at_folder},   {"samples", look_at_sample},
};

}  // namespace

ordered_json tried_on(const Host& host, const Argv& command) {
    ordered_json object{{"command", command}, {"exit", nullptr}, {"timed_out", false},
                        {"out", nullptr},     {"err", ""},       {"trouble", nullptr}};
    const auto ran =
        run_on(host, command, {.timeout = longest_command, .output_limit = longest_printed});
    if (!ran) {
        object["trouble"] = ran.error().what;
        return object;
    }
    object["exit"] = ran->code;
    object["timed_out"] = ran->timed_out;
    object["out"] = printed_json(ran->out);
    object["err"] = last_line(ran->err.empty() && ran->code != 0 ? ran->out : ran->err);
    return object;
}

ordered_json version_in(const std::string& printed) {
    const std::string line = last_line(printed);
    const size_t space = line.find(' ');
    return space == line.npos ? ordered_json() : ordered_json(line.substr(space + 1));
}

Checked<std::string> look_at_this_host(const std::string& text) {
    const auto ask = parse_json("standard input", text, schema);
    if (!ask) {
        return tl::unexpected(ask.error());
    }
    ordered_json answer{{"schema", "rehome/preflight-host/1"},
                        {"version", version},
                        {"began", iso8601(now_us())},
                        {"ended", ""}};
    const json& place = ask->at("hand");
    answer["hand"] = place.is_null() ? ordered_json() : look_at_hand(place);
    struct One {
        const Look* look;
        const json* ask;
        ordered_json answer{};
    };
    std::vector<One> all;
    for (const Look& look : looks) {
        for (const json& one : ask->at(look.list)) {
            all.push_back({&look, &one});
        }
    }
    for_all(all.size(), at_once,
            [&all](size_t i) { all[i].answer = all[i].look->at(*all[i].ask); });
    for (const Look& look : looks) {
        answer[look.list] = ordered_json::array();
    }
    for (One& one : all) {
        answer[one.look->list].push_back(std::move(one.answer));
    }
    answer["ended"] = iso8601(now_us());
    return answer.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

}  // namespace rehome::cutover
