#include "common/formats/formats.h"

#include <fmt/format.h>

#include <algorithm>

namespace rehome {

namespace {

constexpr Format all_formats[] = {
#include "common/formats/all.inc"
};

struct Printing {
    std::string_view command;  // "cutover login status"
    std::string_view format;
    bool lines = false;            // a document a line, not one as a whole
    std::string_view option = "";  // only with it
};

constexpr Printing printings[] = {
    {"cutover bird announce", "bird"},
    {"cutover bird check", "bird"},
    {"cutover bird show", "bird"},
    {"cutover login report", "login-report"},
    {"cutover login start", "login-summary"},
    {"cutover login status", "login-summary"},
    {"cutover login stop", "login-summary"},
    {"cutover login wait", "login-summary"},
    {"cutover preflight", "cutover-preflight"},
    {"cutover preflight-host", "preflight-host"},
    {"cutover resume", "cutover-events", true},
    {"cutover run", "cutover-events", true},
    {"cutover show", "cutover-plan"},
    {"cutover status", "cutover-status"},
    {"cutover undo", "cutover-events", true},
    {"lbsync apply", "lbsync-plan"},
    {"lbsync armed", "lbsync-armed"},
    {"lbsync plan", "lbsync-plan"},
    {"lbsync read", "lbsync-kernel"},
    {"lbsync undo", "lbsync-undo"},
    {"lbsync verify", "lbsync-plan", false, "--inventory"},
    {"lbsync verify", "lbsync-sides"},
    {"probe compare", "probe-compare"},
    {"probe reflect", "probe-reflect"},
    {"probe run", "probe"},
    {"vipctl access", "vipd-accessed"},
    {"vipctl admission", "vipd-accessed"},
    {"vipctl capture", "vipctl-capture"},
    {"vipctl config", "vipd-origins", false, "--origins"},
    {"vipctl config", "vipd"},
    {"vipctl confirm", "vipd-confirm"},
    {"vipctl enable", "vipd-disabled"},
    {"vipctl explain", "vipd-explain"},
    {"vipctl flows", "vipd-flows"},
    {"vipctl limit", "vipd-accessed"},
    {"vipctl list", "vipd-placed"},
    {"vipctl mask", "vipd-disabled"},
    {"vipctl metrics", "vipd-metrics"},
    {"vipctl reload", "vipd-reload"},
    {"vipctl set", "vipd-placed"},
    {"vipctl share", "vipd-share"},
    {"vipctl stats", "vipd-stats"},
    {"vipctl status", "vipd-status"},
    {"vipctl strong", "vipd-disabled"},
    {"vipctl top", "vipd-top"},
    {"vipctl weak", "vipd-disabled"},
    {"vipctl weights", "vipd-placed"},
    {"vipctl why", "vipd-why"},
    {"vipd counters", "vipd-counters"},
    {"vipd drops", "vipd-drops"},
    {"vipd why", "vipd-why"},
};

constexpr std::string_view programs[] = {"cutover", "lbsync", "probe", "vipctl", "vipd"};

// The program's name and its words up to `most`, without options: "vipctl --socket PATH status" is
// "vipctl status".
std::string command_words(const std::vector<std::string>& argv, size_t most) {
    std::string text = argv[0].substr(argv[0].rfind('/') + 1);
    size_t words = 0;
    for (size_t i = 1; i < argv.size() && words < most; ++i) {
        if (argv[i] == "--socket") {
            ++i;  // the one option that takes a value and may stand before the command
        } else if (!argv[i].starts_with("-")) {
            text += " " + argv[i];
            ++words;
        }
    }
    return text;
}

bool has(const std::vector<std::string>& argv, std::string_view option) {
    return option.empty() || std::find(argv.begin(), argv.end(), option) != argv.end();
}

const Printing* find_printing(const std::vector<std::string>& argv) {
    for (const size_t words : {size_t{1}, size_t{2}}) {
        const std::string command = command_words(argv, words);
        const auto* found = std::find_if(
            std::begin(printings), std::end(printings),
            [&](const Printing& p) { return p.command == command && has(argv, p.option); });
        if (found != std::end(printings)) {
            return found;
        }
    }
    return nullptr;
}

std::string commands_of(std::string_view program) {
    std::string text;
    for (const Printing& printing : printings) {
        if (printing.command.substr(0, printing.command.find(' ')) == program) {
            text += fmt::format("{}{}{}{}", text.empty() ? "" : ", ", printing.command,
                                printing.option.empty() ? "" : " ", printing.option);
        }
    }
    return text.empty() ? "none" : text;
}

}  // namespace

std::span<const Format> formats() {
    return all_formats;
}

const Format* find_format(std::string_view name) {
    const auto* found = std::find_if(std::begin(all_formats), std::end(all_formats),
                                     [name](const Format& f) { return f.name == name; });
    return found == std::end(all_formats) ? nullptr : found;
}

PrintedFormat printed_by(const std::vector<std::string>& argv) {
    const std::string program = argv.empty() ? "" : command_words(argv, 0);
    if (std::find(std::begin(programs), std::end(programs), program) == std::end(programs)) {
        return {};
    }
    const Printing* printing = find_printing(argv);
    if (printing == nullptr) {
        return {true, nullptr,
                fmt::format("{} prints no JSON, expected one of {}", command_words(argv, 1),
                            commands_of(program))};
    }
    const std::string command(printing->command);
    if (!has(argv, "--json")) {
        return {true, nullptr, command + " prints no JSON, expected --json with it"};
    }
    if (printing->lines) {
        return {true, nullptr, command + " prints a document a line, expected one as a whole"};
    }
    return {true, find_format(printing->format), ""};
}

}  // namespace rehome
