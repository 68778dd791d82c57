#include "cutover/bird/view.h"

#include <fmt/format.h>

#include <algorithm>

namespace rehome::cutover {

namespace {

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

const BgpChannel* channel_of(const CarrierView& view, const PrefixView& one) {
    const BgpSession* session = view.session(one.session);
    return session == nullptr ? nullptr : session->channel(one.prefix.address.family);
}

std::string_view family_name(const Prefix& prefix) {
    return prefix.address.family == Family::v4 ? "IPv4" : "IPv6";
}

std::string why_session_down(const CarrierView& view, const PrefixView& one) {
    const std::string& state = view.session(one.session)->state;
    return state == "Established"
               ? fmt::format("the session {} is established without {}", one.session,
                             family_name(one.prefix))
               : fmt::format("the session {} is not established but {}", one.session, state);
}

std::string why_unable(const CarrierView& view, const PrefixView& one) {
    const BgpChannel* channel = channel_of(view, one);
    if (channel == nullptr) {
        return fmt::format("no session of {} has {}, which {} needs", view.carrier,
                           family_name(one.prefix), one.prefix.text());
    }
    return channel->up ? "" : why_session_down(view, one);
}

// By the include file and by what BIRD runs with.
std::string why_not_configured(const CarrierView& view, Announce state) {
    if (view.stated != state) {
        return fmt::format("{} is stated as {}", view.carrier, name(view.stated));
    }
    if (!view.running) {
        return fmt::format("BIRD knows no state_{}: its configuration does not include the file",
                           view.carrier);
    }
    return *view.running == state
               ? ""
               : fmt::format("{} is stated as {}, but BIRD runs with {}", view.carrier,
                             name(view.stated), name(*view.running));
}

// By BIRD's tables.
std::string why_not_exported(const CarrierView& view, const PrefixView& one, Announce state) {
    const Exported wanted = wanted_export(state);
    if (one.exported != wanted) {
        return fmt::format("{} to {} is {}, expected {}", one.prefix.text(), view.carrier,
                           name(one.exported), name(wanted));
    }
    for (const Route& route : one.inside) {
        if (route.exported != wanted) {
            return fmt::format("{} to {}, inside of {}, is {}, expected {}", route.prefix.text(),
                               view.carrier, one.prefix.text(), name(route.exported), name(wanted));
        }
    }
    return "";
}

// A withdrawal can be said, and the carrier keep what it had.
std::string why_perhaps_kept(const CarrierView& view, const PrefixView& one) {
    const BgpChannel* channel = channel_of(view, one);
    if (channel == nullptr) {
        return "";
    }
    if (!channel->up) {
        return fmt::format("cannot tell whether {} still holds {}: {}", view.carrier,
                           one.prefix.text(), why_session_down(view, one));
    }
    return channel->recovering
               ? fmt::format(
                     "cannot tell whether {} still holds {}: the session {} recovers from "
                     "a graceful restart",
                     view.carrier, one.prefix.text(), one.session)
               : "";
}

bool holds(const FarView& far, const Prefix& prefix) {
    return std::find(far.held.begin(), far.held.end(), prefix) != far.held.end();
}

Verdict judge_far(const CarrierView& view, Announce state) {
    if (!view.far->failure.empty()) {
        return {Exit::unknown,
                fmt::format("cannot tell what {} holds: {}", view.carrier, view.far->failure)};
    }
    if (state == Announce::withdrawn) {
        const auto& held = view.far->held;
        return held.empty() ? Verdict()
                            : Verdict{Exit::no, fmt::format("{} still holds {}", view.carrier,
                                                            held.front().text())};
    }
    for (const PrefixView& one : view.prefixes) {
        if (!holds(*view.far, one.prefix)) {
            return {Exit::no, fmt::format("{} does not hold {}", view.carrier, one.prefix.text())};
        }
    }
    return {};
}

Verdict judge_withdrawal_unseen(const CarrierView& view) {
    for (const PrefixView& one : view.prefixes) {
        if (std::string why = why_perhaps_kept(view, one); !why.empty()) {
            return {Exit::unknown, std::move(why)};
        }
    }
    return {};
}

}  // namespace

const BgpSession* CarrierView::session(std::string_view name) const {
    const auto found =
        std::find_if(sessions.begin(), sessions.end(),
                     [name](const BgpSession& session) { return session.name == name; });
    return found == sessions.end() ? nullptr : &*found;
}

std::string why_unable(const CarrierView& view) {
    for (const PrefixView& one : view.prefixes) {
        if (std::string why = why_unable(view, one); !why.empty()) {
            return why;
        }
    }
    return "";
}

Verdict judge(const CarrierView& view, Announce state) {
    std::string why = why_not_configured(view, state);
    if (why.empty() && state != Announce::withdrawn) {
        why = why_unable(view);
    }
    for (const PrefixView& one : view.prefixes) {
        why = why.empty() ? why_not_exported(view, one, state) : why;
    }
    if (!why.empty()) {
        return {Exit::no, why};
    }
    if (view.far) {
        return judge_far(view, state);
    }
    return state == Announce::withdrawn ? judge_withdrawal_unseen(view) : Verdict();
}

}  // namespace rehome::cutover
