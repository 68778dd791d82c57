// proc(5), sysctl(8).
#include "lbsync/adapter/outside.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include <fmt/format.h>

#include "lbsync/nft/words.h"
#include "lbsync/outside/facts.h"

namespace rehome::lbsync {

namespace {

using outside::Told;

constexpr std::string_view root = "/proc/sys/";

bool decides_of_interface(std::string_view name) {
    return in(name,
              {"forwarding", "force_forwarding", "rp_filter", "src_valid_mark", "route_localnet"});
}

bool decides_of_tracking(std::string_view name) {
    return name.starts_with("nf_conntrack_") &&
           (name.find("timeout") != name.npos ||
            in(name, {"nf_conntrack_tcp_loose", "nf_conntrack_tcp_be_liberal",
                      "nf_conntrack_tcp_ignore_invalid_rst", "nf_conntrack_tcp_max_retrans",
                      "nf_conntrack_tcp_no_window_check", "nf_conntrack_checksum",
                      "nf_conntrack_helper"}));
}

bool decides_of_bridges(std::string_view name) {
    return name.starts_with("bridge-nf-");
}

// The first line of a file; none: it is not there.
void read_setting(const std::string& path, Told& told) {
    errno = 0;
    std::ifstream file(std::string(root) + path);
    std::string value;
    if (std::getline(file, value)) {
        told.settings[path] = value;
    } else if (errno != ENOENT) {
        told.unread[path] = errno == 0 ? "is empty" : std::strerror(errno);
    }
}

std::vector<std::string> names_in(const std::string& folder, Told& told) {
    std::vector<std::string> names;
    std::error_code error;
    std::filesystem::directory_iterator entries(std::string(root) + folder, error);
    if (error && error != std::errc::no_such_file_or_directory) {
        told.unread[folder] = error.message();
    }
    for (; !error && entries != std::filesystem::directory_iterator(); entries.increment(error)) {
        names.push_back(entries->path().filename());
    }
    return names;
}

void read_settings(const std::string& folder, bool (*decides)(std::string_view), Told& told) {
    for (const std::string& name : names_in(folder, told)) {
        if (decides(name)) {
            read_setting(fmt::format("{}/{}", folder, name), told);
        }
    }
}

void ask(const std::string& command, Told& told) {
    const auto done = run(words_of(command), {.timeout = std::chrono::seconds(10)});
    if (done && !done->timed_out && done->code == 0) {
        told.said[command] = done->out;
    } else if (command.find("route show table") != command.npos && done && done->code == 2 &&
               done->err.find("FIB table does not exist") != std::string::npos) {
        told.said[command] = "[]";
    } else {
        told.unread[command] = !done             ? done.error().what
                               : done->timed_out ? "has not ended in time"
                                                 : done->err.substr(0, done->err.find('\n'));
    }
}

void read_modules(Told& told) {
    const std::ifstream file{std::string(outside::module_list)};
    if (file) {
        told.said[std::string(outside::module_list)] =
            fmt::format("{}", std::string(std::istreambuf_iterator<char>(file.rdbuf()), {}));
    }
}

}  // namespace

Argv words_of(std::string_view command) {
    Argv words;
    while (!command.empty()) {
        const size_t end = std::min(command.find(' '), command.size());
        words.emplace_back(command.substr(0, end));
        command.remove_prefix(std::min(end + 1, command.size()));
    }
    return words;
}

Told read_outside() {
    Told told;
    for (const char* family : {"net/ipv4/conf", "net/ipv6/conf"}) {
        for (const std::string& interface : names_in(family, told)) {
            if (interface != "default") {
                read_settings(fmt::format("{}/{}", family, interface), decides_of_interface, told);
            }
        }
    }
    read_settings("net/netfilter", decides_of_tracking, told);
    read_settings("net/bridge", decides_of_bridges, told);
    read_modules(told);
    for (const std::string_view command :
         {outside::rules_v4, outside::rules_v6, outside::link_list, outside::queue_list}) {
        ask(std::string(command), told);
    }
    for (const std::string& command : outside::to_ask(told)) {
        ask(command, told);
    }
    return told;
}

}  // namespace rehome::lbsync
