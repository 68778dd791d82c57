// "show route ... export table" is what was sent (adj-RIB-out); it needs `export table on` in
// bird.conf.  Without it, "export PROTOCOL" is what the filter lets through, which is the next
// best.  "in PREFIX" is the prefix and what lies inside of it.
#include "cutover/adapter/bird/view.h"

#include <fmt/format.h>

#include "common/json/file.h"
#include "cutover/adapter/bird/far.h"

namespace rehome::cutover {

namespace {

constexpr int undo_pending = 22;
constexpr int network_not_found = 8001;
constexpr int first_wrong_command = 9000;

tl::unexpected<Error> refused(const BirdClient& bird, const std::string& command,
                              const BirdReply& reply) {
    return fail(Exit::world, bird.socket(),
                fmt::format("{}: {:04} {}", command, reply.code(), reply.text()));
}

Result<BgpSession> look_at_session(BirdClient& bird, const std::string& name) {
    const std::string command = "show protocols all " + name;
    const auto reply = bird.ask(command);
    if (!reply) {
        return tl::unexpected(reply.error());
    }
    if (!reply->ok()) {
        return refused(bird, command, *reply);
    }
    auto session = session_in(name, *reply);
    if (!session) {
        return fail(Exit::world, bird.socket(), name + " is no BGP protocol");
    }
    return std::move(*session);
}

Result<std::vector<Route>> routes_to(BirdClient& bird, const std::string& session,
                                     const Prefix& prefix) {
    const char* channel = prefix.address.family == Family::v4 ? "ipv4" : "ipv6";
    const std::string start = "show route all in " + prefix.text() + " export ";
    auto reply = bird.ask(fmt::format("{}table {}.{}", start, session, channel));
    const bool no_export_table = reply && reply->code() >= first_wrong_command;
    if (no_export_table) {
        reply = bird.ask(start + session);
    }
    if (!reply) {
        return tl::unexpected(reply.error());
    }
    if (!reply->ok() && reply->code() != network_not_found) {
        return refused(bird, start + session, *reply);
    }
    return routes_in(*reply);
}

// A second route of the prefix itself counts as what lies inside of it.
PrefixView prefix_view(const Prefix& prefix, const std::string& session,
                       const std::vector<Route>& routes) {
    PrefixView view{prefix, session, Exported::absent, {}};
    for (const Route& route : routes) {
        if (route.prefix == prefix && view.exported == Exported::absent) {
            view.exported = route.exported;
        } else {
            view.inside.push_back(route);
        }
    }
    return view;
}

// In each session that has the prefix's family.
Result<> look_at_prefix(BirdClient& bird, const Prefix& prefix, CarrierView& view) {
    bool carried = false;
    for (const BgpSession& session : view.sessions) {
        const BgpChannel* channel = session.channel(prefix.address.family);
        if (channel == nullptr) {
            continue;
        }
        carried = true;
        // Nothing is sent where nobody listens, and BIRD has no such table then.
        auto routes =
            channel->up ? routes_to(bird, session.name, prefix) : Result<std::vector<Route>>();
        if (!routes) {
            return tl::unexpected(routes.error());
        }
        view.prefixes.push_back(prefix_view(prefix, session.name, *routes));
    }
    if (!carried) {
        view.prefixes.push_back({prefix, "", Exported::absent, {}});
    }
    return {};
}

}  // namespace

Result<AnnounceStates> read_announce_file(const BirdTarget& target) {
    const auto text = read_file(target.announce_file);
    if (!text) {
        return tl::unexpected(text.error());
    }
    auto states = parse_announce_file(target.announce_file, *text);
    for (const CarrierTarget& carrier : target.carriers) {
        if (states && !states->contains(carrier.name)) {
            return fail(Exit::usage, target.announce_file,
                        fmt::format("has no line define state_{} = N;", carrier.name));
        }
    }
    return states;
}

Result<std::optional<Announce>> ask_running(BirdClient& bird, const std::string& carrier) {
    const auto reply = bird.ask("eval state_" + carrier);
    if (!reply) {
        return tl::unexpected(reply.error());
    }
    return running_state(*reply);
}

Result<CarrierView> look_at_carrier(BirdClient& bird, const BirdTarget& target,
                                    const CarrierTarget& carrier, Announce stated) {
    CarrierView view{carrier.name, stated, {}, {}, {}, {}};
    const auto running = ask_running(bird, carrier.name);
    if (!running) {
        return tl::unexpected(running.error());
    }
    view.running = *running;
    for (const std::string& name : carrier.sessions) {
        auto session = look_at_session(bird, name);
        if (!session) {
            return tl::unexpected(session.error());
        }
        view.sessions.push_back(std::move(*session));
    }
    for (const Prefix& prefix : target.prefixes) {
        if (const auto done = look_at_prefix(bird, prefix, view); !done) {
            return tl::unexpected(done.error());
        }
    }
    if (carrier.far) {
        view.far = look_at_far(*carrier.far, target.prefixes);
    }
    return view;
}

Result<BirdView> look_at_bird(BirdClient& bird, const BirdTarget& target) {
    const auto states = read_announce_file(target);
    if (!states) {
        return tl::unexpected(states.error());
    }
    const auto status = bird.ask("configure status");
    if (!status) {
        return tl::unexpected(status.error());
    }
    BirdView view;
    view.unconfirmed = status->has(undo_pending);
    for (const CarrierTarget& carrier : target.carriers) {
        auto one = look_at_carrier(bird, target, carrier, states->at(carrier.name));
        if (!one) {
            return tl::unexpected(one.error());
        }
        view.carriers.push_back(std::move(*one));
    }
    return view;
}

}  // namespace rehome::cutover
