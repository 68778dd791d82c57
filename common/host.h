// A far host is named "local", "netns:NAME" or "ssh:USER@HOST"; a command meant for it becomes one
// that is run here.
#pragma once

#include <string>
#include <string_view>

#include "common/child.h"
#include "common/error.h"

namespace rehome {

struct Host {
    enum class Kind { local, netns, ssh } kind = Kind::local;
    std::string name;  // the namespace, or USER@HOST

    static Result<Host> parse(std::string_view text);

    // The argument vector that runs argv on that host: itself, "ip netns exec NAME ...", or
    // "ssh -o BatchMode=yes ... USER@HOST -- ..." with every word quoted for the far shell.
    Argv on(const Argv& argv) const;
    std::string text() const;
};

}  // namespace rehome
