#include "lbsync/adapter/host_side.h"

#include <algorithm>

#include <fmt/format.h>

#include "common/far_program.h"
#include "lbsync/adapter/remote.h"
#include "lbsync/iptables/meaning.h"
#include "lbsync/iptables/read.h"
#include "lbsync/kernel/read.h"
#include "lbsync/services/ipvsadm.h"
#include "lbsync/side/kernel_policy.h"
#include "lbsync/side/merge.h"

namespace rehome::lbsync {

namespace {

using iptables::Dump;
using side::Side;

constexpr int not_found = 127;  // a shell's or env's, and of `ip netns exec`

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    size_t at = 0;
    while (at < text.size()) {
        const size_t end = std::min(text.find('\n', at), text.size());
        lines.push_back(text.substr(at, end - at));
        at = end + 1;
    }
    return lines;
}

// Asks one thing after another; what fails is kept, and the rest is asked all the same.
class HostReader {
public:
    explicit HostReader(Host host) : host_(std::move(host)) {}

    Checked<Side> read() {
        for (const auto& [family, program] :
             {std::pair{Family::v4, "iptables"}, {Family::v6, "ip6tables"}}) {
            tables(family, program);
        }
        sets();
        Side side{name(), nft(), services()};
        auto& doubts = side.policy->doubts;
        doubts.insert(doubts.end(), doubts_.begin(), doubts_.end());
        if (!errors_.empty()) {
            return tl::unexpected(std::move(errors_));
        }
        return side;
    }

private:
    std::string name() const { return host_.text(); }
    void doubt(std::string what) { doubts_.push_back({name(), std::move(what)}); }

    // What the program printed; none when it is not there.
    std::optional<std::string> ask(const Argv& argv) {
        const auto finished = run_on(host_, argv);
        if (!finished) {
            errors_.push_back(finished.error());
            return {};
        }
        if (finished->code == not_found) {
            return {};
        }
        if (finished->code != 0) {
            errors_.push_back({Exit::world, fmt::format("{}: {}", name(), printable(argv)),
                               finished->timed_out
                                   ? "has not ended in time"
                                   : finished->err.substr(0, finished->err.find('\n'))});
            return {};
        }
        return finished->out;
    }

    // A file of /proc; none when it is not there.
    std::optional<std::string> ask_file(const std::string& path) {
        const auto finished = run_on(host_, {"cat", "--", path});
        return finished && finished->code == 0 ? std::optional(finished->out) : std::nullopt;
    }

    bool take_dump(const std::string& program, std::optional<Family> family) {
        const auto text = ask({program});
        if (!text) {
            return false;
        }
        keep(iptables::read_dump(*text, fmt::format("{}: {}", name(), program), family));
        return true;
    }

    // What a program on a host printed is no wrong input of the operator's.
    void keep(Checked<Dump> dump) {
        if (!dump) {
            for (Error& mistake : dump.error()) {
                mistake.kind = Exit::unknown;
                errors_.push_back(std::move(mistake));
            }
            return;
        }
        std::move(dump->saves.begin(), dump->saves.end(), std::back_inserter(dump_.saves));
        std::move(dump->sets.begin(), dump->sets.end(), std::back_inserter(dump_.sets));
        std::move(dump->warnings.begin(), dump->warnings.end(), std::back_inserter(dump_.warnings));
        dump_.has_sets |= dump->has_sets;
    }

    void tables(Family family, const std::string& program) {
        const bool legacy = take_dump(program + "-legacy-save", family);
        const bool nft = take_dump(program + "-nft-save", family);
        if (!legacy && !nft) {
            take_dump(program + "-save", family);
        }
        const auto names = ask_file(family == Family::v4 ? "/proc/net/ip_tables_names"
                                                         : "/proc/net/ip6_tables_names");
        for (const std::string& table : lines_of(names.value_or(""))) {
            if (!has(family, iptables::Backend::legacy, table)) {
                doubt(
                    fmt::format("{} of the legacy backend has a table {}, which nothing there "
                                "prints",
                                program, table));
            }
        }
    }

    bool has(Family family, iptables::Backend backend, const std::string& table) const {
        return std::any_of(dump_.saves.begin(), dump_.saves.end(), [&](const iptables::Save& save) {
            return save.family == family && save.backend == backend &&
                   std::any_of(save.tables.begin(), save.tables.end(),
                               [&](const iptables::Table& other) { return other.name == table; });
        });
    }

    void sets() {
        if (const auto text = ask({"ipset", "save"})) {
            keep(iptables::read_dump(*text, fmt::format("{}: ipset save", name())));
            dump_.has_sets = true;
        }
    }

    // What nf_tables and iptables' two backends do.
    policy::Policy nft() {
        const auto reading =
            Remote::to(name()).and_then([](const Remote& remote) { return remote.ruleset(); });
        if (!reading) {
            errors_.push_back(reading.error());
            return {};
        }
        side::keep_whole(dump_, *reading);
        policy::Policy policy = iptables::meaning(dump_, name());
        side::append(policy, side::kernel_policy(*reading, name(), dump_));
        return policy;
    }

    policy::Services services() {
        if (!ask_file("/proc/net/ip_vs")) {
            return {{}, true, {}};
        }
        const auto text = ask({"ipvsadm", "-Sn"});
        if (!text) {
            doubt("IPVS is there, and no ipvsadm to tell what it does");
            return {{}, true, {}};
        }
        auto read = services::read_ipvsadm(*text, fmt::format("{}: ipvsadm -Sn", name()));
        if (read) {
            return std::move(*read);
        }
        for (Error& mistake : read.error()) {
            mistake.kind = Exit::unknown;
            errors_.push_back(std::move(mistake));
        }
        return {{}, true, {}};
    }

    Host host_;
    Dump dump_;
    std::vector<Doubt> doubts_;
    std::vector<Error> errors_;
};

}  // namespace

Checked<side::Side> read_host_side(const std::string& host) {
    auto parsed = Host::parse(host);
    if (!parsed) {
        return tl::unexpected(std::vector<Error>{parsed.error()});
    }
    return HostReader(std::move(*parsed)).read();
}

}  // namespace rehome::lbsync
