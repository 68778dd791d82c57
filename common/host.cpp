// Namespaces: ip-netns(8).  ssh: the far side hands its words, joined by spaces, to the user's
// shell; each word is therefore quoted as sh(1) reads it.
#include "common/host.h"

#include <algorithm>

namespace rehome {

namespace {

constexpr std::string_view letters =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

// Letters, digits and what extra allows, at most 255; a leading "-" would read as an option, and
// "." or ".." would lead out of the folder of namespaces.
bool is_name(std::string_view text, std::string_view extra) {
    const auto allowed = [extra](char c) {
        return letters.find(c) != std::string_view::npos || extra.find(c) != std::string_view::npos;
    };
    return !text.empty() && text.size() <= 255 && text.front() != '-' && text.front() != '.' &&
           std::all_of(text.begin(), text.end(), allowed);
}

bool is_user_at_host(std::string_view text) {
    const size_t at = text.find('@');
    return at != std::string_view::npos && is_name(text.substr(0, at), "._-") &&
           is_name(text.substr(at + 1), "._-:");
}

}  // namespace

Result<Host> Host::parse(std::string_view text) {
    if (text == "local") {
        return Host{};
    }
    if (text.starts_with("netns:") && is_name(text.substr(6), "._-")) {
        return Host{Kind::netns, std::string(text.substr(6))};
    }
    if (text.starts_with("ssh:") && is_user_at_host(text.substr(4))) {
        return Host{Kind::ssh, std::string(text.substr(4))};
    }
    return fail(Exit::usage, "",
                in_quotes(text) + " names no host, expected local, netns:NAME or ssh:USER@HOST");
}

Argv Host::on(const Argv& argv) const {
    Argv result;
    switch (kind) {
        case Kind::local:
            return argv;
        case Kind::netns:
            result = {"ip", "netns", "exec", name};
            result.insert(result.end(), argv.begin(), argv.end());
            return result;
        case Kind::ssh:
            // Never a question that nobody answers, never an unlimited wait for a dead host.
            result = {"ssh", "-T",
                      "-o",  "BatchMode=yes",
                      "-o",  "ConnectTimeout=5",
                      "-o",  "ServerAliveInterval=5",
                      "-o",  "ServerAliveCountMax=3",
                      name,  "--"};
            std::transform(argv.begin(), argv.end(), std::back_inserter(result), shell_quoted);
            return result;
    }
    return result;
}

std::string Host::text() const {
    switch (kind) {
        case Kind::local:
            return "local";
        case Kind::netns:
            return "netns:" + name;
        case Kind::ssh:
            return "ssh:" + name;
    }
    return "";
}

}  // namespace rehome
