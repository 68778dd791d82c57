#include "lbsync/adapter/tables.h"

#include <fstream>
#include <iterator>

#include "common/child.h"
#include "lbsync/adapter/outside.h"

namespace rehome::lbsync {

namespace {

using iptables::Told;

// Whether it is there.
bool ask(std::string_view program, Told& told) {
    constexpr int not_found = 127;  // env's
    const std::string name(program);
    const auto done = run(words_of("env " + name));
    if (done && done->code == not_found) {
        return false;
    }
    if (done && !done->timed_out && done->code == 0) {
        told.said[name] = done->out;
    } else {
        told.unread[name] = !done             ? done.error().what
                            : done->timed_out ? "has not ended in time"
                                              : done->err.substr(0, done->err.find('\n'));
    }
    return true;
}

}  // namespace

Told read_tables() {
    Told told;
    for (const std::string_view family : {"iptables", "ip6tables"}) {
        bool any = false;
        for (const std::string_view program : iptables::programs) {
            any |= program.starts_with(std::string(family) + "-") && ask(program, told);
        }
        if (!any) {
            ask(std::string(family) + "-save", told);
        }
    }
    ask(iptables::set_program, told);
    for (const std::string_view list : iptables::legacy_lists) {
        if (std::ifstream file{std::string(list)}) {
            told.said[std::string(list)].assign(std::istreambuf_iterator<char>(file), {});
        }
    }
    return told;
}

}  // namespace rehome::lbsync
