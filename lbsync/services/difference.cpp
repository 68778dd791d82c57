#include "lbsync/services/difference.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace rehome::lbsync::services {

namespace {

using policy::Server;
using policy::Services;
using policy::VirtualService;
using Lines = std::vector<std::string>;

std::string persistence_line(const policy::Persistence& persistence) {
    return fmt::format("persistent for {} s, clients by /{}{}{}", persistence.seconds,
                       persistence.length, persistence.engine.empty() ? "" : ", by ",
                       persistence.engine);
}

const Server* find(const VirtualService& service, const Server& like) {
    const auto found =
        std::find_if(service.servers.begin(), service.servers.end(),
                     [&](const Server& server) { return server.title() == like.title(); });
    return found == service.servers.end() ? nullptr : &*found;
}

// The running service as it would be with all its servers up; what was put right is told.
class Restored {
public:
    Restored(const VirtualService& wanted, VirtualService running, Lines& state)
        : wanted_(wanted), service_(std::move(running)), state_(state) {}

    VirtualService take() {
        for (const Server& server : wanted_.servers) {
            if (!server.checks.empty()) {
                put_right(server);
            }
        }
        if (down_) {
            remove_sorry();
        }
        return std::move(service_);
    }

private:
    void put_right(const Server& wanted) {
        const auto found =
            std::find_if(service_.servers.begin(), service_.servers.end(),
                         [&](const Server& server) { return server.title() == wanted.title(); });
        if (found == service_.servers.end()) {
            tell(wanted, "is absent, as one that failed its check");
            service_.servers.push_back(wanted);
            down_ = true;
        } else if (wanted.stays_when_down && found->weight == 0 && wanted.weight != 0) {
            tell(wanted, "has no weight, as one that failed its check");
            found->weight = wanted.weight;
            down_ = true;
        }
    }

    void remove_sorry() {
        const auto& sorry = wanted_.sorry;
        if (!sorry || find(wanted_, *sorry) != nullptr || find(service_, *sorry) == nullptr) {
            return;
        }
        tell(*sorry, "is there, the sorry server");
        std::erase_if(service_.servers,
                      [&](const Server& server) { return server.title() == sorry->title(); });
    }

    void tell(const Server& server, std::string_view what) {
        state_.push_back(fmt::format("{}: {} {}", wanted_.title(), server.title(), what));
    }

    const VirtualService& wanted_;
    VirtualService service_;
    Lines& state_;
    bool down_ = false;  // some server is
};

Lines signed_lines(const Lines& from, const Lines& to) {
    Lines lines;
    for (const std::string& line : from) {
        if (std::find(to.begin(), to.end(), line) == to.end()) {
            lines.push_back("- " + line);
        }
    }
    for (const std::string& line : to) {
        if (std::find(from.begin(), from.end(), line) == from.end()) {
            lines.push_back("+ " + line);
        }
    }
    return lines;
}

using ByTitle = std::map<std::string, const VirtualService*>;

ByTitle by_title(const Services& services) {
    ByTitle titles;
    for (const VirtualService& service : services.services) {
        titles.emplace(service.title(), &service);
    }
    return titles;
}

Lines compare(const VirtualService& old_one, bool old_runs, const VirtualService& new_one,
              bool new_runs, Lines& state) {
    const bool checks = !old_runs && !new_runs;
    if (old_runs == new_runs) {
        return signed_lines(lines_of(old_one, checks), lines_of(new_one, checks));
    }
    const VirtualService restored =
        Restored(old_runs ? new_one : old_one, old_runs ? old_one : new_one, state).take();
    return signed_lines(lines_of(old_runs ? restored : old_one, checks),
                        lines_of(new_runs ? restored : new_one, checks));
}

}  // namespace

std::string line_of(const Server& server, bool checks) {
    std::string line = fmt::format("server {} weight {} by {}", server.title(), server.weight,
                                   name(server.forwarding));
    line += server.encapsulation.empty() ? "" : " " + server.encapsulation;
    if (server.upper_threshold != 0 || server.lower_threshold != 0) {
        line += fmt::format(" connections {}-{}", server.lower_threshold, server.upper_threshold);
    }
    if (checks) {
        line += server.stays_when_down ? ", stays when it is down" : "";
        line += server.checks.empty() ? "" : fmt::format(", {}", fmt::join(server.checks, ", "));
        line +=
            server.settings.empty() ? "" : fmt::format(", {}", fmt::join(server.settings, ", "));
    }
    return line;
}

std::vector<std::string> lines_of(const VirtualService& service, bool checks) {
    Lines lines{"scheduler " + service.scheduler};
    for (const std::string& flag : service.scheduler_flags) {
        lines.push_back("scheduler's flag " + flag);
    }
    if (service.one_packet) {
        lines.emplace_back("each packet by itself");
    }
    if (service.persistence) {
        lines.push_back(persistence_line(*service.persistence));
    }
    Lines servers;
    for (const Server& server : service.servers) {
        servers.push_back(line_of(server, checks));
    }
    std::sort(servers.begin(), servers.end());
    lines.insert(lines.end(), servers.begin(), servers.end());
    if (checks && service.sorry) {
        lines.push_back("sorry " + line_of(*service.sorry, checks));
    }
    if (checks) {
        lines.insert(lines.end(), service.settings.begin(), service.settings.end());
    }
    return lines;
}

Differences differences(const Services& old_one, const Services& new_one) {
    Differences found;
    found.checks_seen = !old_one.running && !new_one.running;
    found.one_runs = old_one.running != new_one.running;
    const auto add = [&found](const std::string& title, Lines lines) {
        if (!lines.empty()) {
            found.services.push_back({title, std::move(lines)});
        }
    };
    ByTitle left = by_title(new_one);
    for (const auto& [title, service] : by_title(old_one)) {
        const auto other = left.extract(title);
        if (other) {
            add(title,
                compare(*service, old_one.running, *other.mapped(), new_one.running, found.state));
        } else {
            add(title, signed_lines(lines_of(*service, found.checks_seen), {}));
        }
    }
    for (const auto& [title, service] : left) {
        add(title, signed_lines({}, lines_of(*service, found.checks_seen)));
    }
    return found;
}

}  // namespace rehome::lbsync::services
