#include "lbsync/adapter/host_side.h"

#include <fmt/format.h>

#include "common/far_program.h"
#include "lbsync/adapter/remote.h"
#include "lbsync/kernel/read.h"
#include "lbsync/services/ipvsadm.h"
#include "lbsync/side/kernel_policy.h"

namespace rehome::lbsync {

namespace {

using side::Side;

constexpr int not_found = 127;  // a shell's or env's, and of `ip netns exec`

// Asks one thing after another; what fails is kept, and the rest is asked all the same.
class HostReader {
public:
    explicit HostReader(Host host) : host_(std::move(host)) {}

    Checked<Side> read() {
        Side side{name(), nft(), services(), {}};
        side.outside = outside_;
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

    // What nf_tables and iptables' two backends do.
    policy::Policy nft() {
        const auto reading =
            Remote::to(name()).and_then([](const Remote& remote) { return remote.ruleset(); });
        if (!reading) {
            errors_.push_back(reading.error());
            return {};
        }
        outside_ = reading->outside;
        if (!reading->iptables && reading->kernel) {
            doubt("its lbsync is of a version that tells nothing of iptables");
        }
        return side::kernel_policy(*reading, name());
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
    std::shared_ptr<const outside::Facts> outside_;
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
