// "show route ... export table" is what was sent (adj-RIB-out); it needs `export table on` in
// bird.conf.  Without it, "export PROTOCOL" is what the filter lets through, which is the next
// best.
#include "cutover/adapter/bird/view.h"

#include <fmt/format.h>

#include "common/json/file.h"

namespace rehome::cutover {

namespace {

constexpr int undo_pending = 22;

tl::unexpected<Error> refused(const BirdClient& bird, const std::string& command,
                              const BirdReply& reply) {
    return fail(Exit::world, bird.socket(),
                fmt::format("{}: {:04} {}", command, reply.code(), reply.text()));
}

Result<std::string> session_of(BirdClient& bird, const std::string& carrier) {
    const std::string command = "show protocols all " + carrier;
    const auto reply = bird.ask(command);
    if (!reply) {
        return tl::unexpected(reply.error());
    }
    if (!reply->ok()) {
        return refused(bird, command, *reply);
    }
    const auto state = session_state(*reply);
    if (!state) {
        return fail(Exit::world, bird.socket(), carrier + " is no BGP protocol");
    }
    return *state;
}

Result<Exported> exported_to(BirdClient& bird, const std::string& carrier, const Prefix& prefix) {
    const char* channel = prefix.address.family == Family::v4 ? "ipv4" : "ipv6";
    const std::string start = "show route all " + prefix.text() + " export ";
    auto reply = bird.ask(fmt::format("{}table {}.{}", start, carrier, channel));
    const bool no_export_table = reply && reply->code() >= 9000;
    if (no_export_table) {
        reply = bird.ask(start + carrier);
    }
    if (!reply) {
        return tl::unexpected(reply.error());
    }
    constexpr int network_not_found = 8001;
    if (!reply->ok() && reply->code() != network_not_found) {
        return refused(bird, start + carrier, *reply);
    }
    return exported_as(*reply, prefix);
}

Result<CarrierView> look_at_carrier(BirdClient& bird, const BirdTarget& target,
                                    const std::string& carrier, Announce stated) {
    auto session = session_of(bird, carrier);
    if (!session) {
        return tl::unexpected(session.error());
    }
    CarrierView view{carrier, stated, *session, {}};
    for (const Prefix& prefix : target.prefixes) {
        // Nothing is announced on a session that is not there.
        Result<Exported> exported = Exported::absent;
        if (view.established()) {
            exported = exported_to(bird, carrier, prefix);
        }
        if (!exported) {
            return tl::unexpected(exported.error());
        }
        view.prefixes.push_back({prefix, *exported});
    }
    return view;
}

Exported wanted_export(Announce state) {
    switch (state) {
        case Announce::withdrawn:
            return Exported::absent;
        case Announce::drained:
            return Exported::graceful_shutdown;
        case Announce::announced:
            return Exported::plain;
    }
    return Exported::absent;
}

}  // namespace

Result<AnnounceStates> read_announce_file(const BirdTarget& target) {
    const auto text = read_file(target.announce_file);
    if (!text) {
        return tl::unexpected(text.error());
    }
    auto states = parse_announce_file(target.announce_file, *text);
    for (const std::string& carrier : target.carriers) {
        if (states && !states->contains(carrier)) {
            return fail(Exit::usage, target.announce_file,
                        fmt::format("has no line define state_{} = N;", carrier));
        }
    }
    return states;
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
    for (const std::string& carrier : target.carriers) {
        auto one = look_at_carrier(bird, target, carrier, states->at(carrier));
        if (!one) {
            return tl::unexpected(one.error());
        }
        view.carriers.push_back(std::move(*one));
    }
    return view;
}

std::string why_not(const CarrierView& view, Announce state) {
    if (view.stated != state) {
        return fmt::format("{} is stated as {}", view.carrier, name(view.stated));
    }
    if (state != Announce::withdrawn && !view.established()) {
        return fmt::format("the session {} is not established but {}", view.carrier, view.session);
    }
    const Exported wanted = wanted_export(state);
    for (const PrefixView& one : view.prefixes) {
        if (one.exported != wanted) {
            return fmt::format("{} to {} is {}, expected {}", one.prefix.text(), view.carrier,
                               name(one.exported), name(wanted));
        }
    }
    return "";
}

}  // namespace rehome::cutover
