#include "cutover/command/opening.h"

#include <fmt/format.h>
#include <sys/random.h>

#include <array>
#include <filesystem>

#include "common/clock.h"
#include "common/json/file.h"

namespace rehome::cutover {

namespace {

Result<Settings> read_settings(const Given& given) {
    Settings settings;
    for (const std::string& word : given.texts("set")) {
        const size_t equals = word.find('=');
        if (equals == std::string::npos || equals == 0) {
            return fail(Exit::usage, "--set", word + " is no NAME=VALUE");
        }
        if (!settings.emplace(word.substr(0, equals), word.substr(equals + 1)).second) {
            return fail(Exit::usage, "--set", word.substr(0, equals) + " is given twice");
        }
    }
    return settings;
}

// 128 bits, as text.
std::string drawn_id() {
    std::array<uint64_t, 2> bits{};
    (void)!getrandom(bits.data(), sizeof bits, 0);  // cannot fail for so few bytes
    return fmt::format("{:016x}{:016x}", bits[0], bits[1]);
}

}  // namespace

const Option& playbook_option() {
    static const Option option = Option::text("playbook", "the playbook").required().positional();
    return option;
}

const Option& inventory_option() {
    static const Option option =
        Option::text("inventory", "the inventory that it is run against").required();
    return option;
}

const Option& set_option() {
    static const Option option =
        Option::text("set", "NAME=VALUE: a parameter of the playbook; may be given again")
            .repeated();
    return option;
}

std::string absolute(const std::string& path) {
    return std::filesystem::absolute(path).lexically_normal().string();
}

std::string run_dir_of(const std::string& journal) {
    return journal.empty() ? "RUN_DIR" : absolute(journal) + ".d";
}

Result<Opening> read_opening(const Given& given, const std::string& run_dir) {
    Opening opening;
    opening.at = now_us();
    opening.run = drawn_id();
    opening.playbook_path = absolute(given.text("playbook"));
    opening.inventory_path = absolute(given.text("inventory"));
    opening.run_dir = run_dir;
    for (auto [path, into] : {std::pair{&opening.playbook_path, &opening.playbook},
                              std::pair{&opening.inventory_path, &opening.inventory}}) {
        auto content = read_file(*path);
        if (!content) {
            return tl::unexpected(content.error());
        }
        *into = std::move(*content);
    }
    auto settings = read_settings(given);
    if (!settings) {
        return tl::unexpected(settings.error());
    }
    opening.settings = std::move(*settings);
    return opening;
}

}  // namespace rehome::cutover
