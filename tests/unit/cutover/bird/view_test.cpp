// Whether a carrier is in a state: what is seen, and the answer.
#include <doctest/doctest.h>

#include <functional>

#include "cutover/bird/view.h"

namespace rehome::cutover::testing {

namespace {

const Prefix prefix = *Prefix::parse("198.51.100.0/24");
const Prefix half = *Prefix::parse("198.51.100.0/25");
const Prefix prefix6 = *Prefix::parse("2001:db8::/32");

BgpSession session(const char* name, Family family, bool up = true) {
    return {name, up ? "Established" : "Active", {{family, up, false, ""}}};
}

// Red, with a session for each family, wholly in a state.
CarrierView red(Announce state, Exported exported) {
    return {"red",
            state,
            state,
            {session("red4", Family::v4), session("red6", Family::v6)},
            {{prefix, "red4", exported, {}}, {prefix6, "red6", exported, {}}},
            {}};
}

struct Case {
    const char* what;
    std::function<void(CarrierView&)> change;
    Exit answer;
    const char* why;
};

void check(Announce state, Exported exported, const std::vector<Case>& cases) {
    for (const Case& one : cases) {
        CAPTURE(one.what);
        CarrierView view = red(state, exported);
        one.change(view);
        const Verdict verdict = judge(view, state);
        CHECK(verdict.answer == one.answer);
        CHECK(verdict.why == one.why);
    }
}

void down(CarrierView& view, size_t session) {
    view.sessions[session].state = "Active";
    view.sessions[session].channels[0].up = false;
}

}  // namespace

TEST_CASE("announced") {
    check(
        Announce::announced, Exported::plain,
        {
            {"all of it", [](CarrierView&) {}, Exit::yes, ""},
            {"the file says something else",
             [](CarrierView& view) { view.stated = Announce::drained; }, Exit::no,
             "red is stated as drained"},
            {"BIRD has not read the file",
             [](CarrierView& view) { view.running = Announce::withdrawn; }, Exit::no,
             "red is stated as announced, but BIRD runs with withdrawn"},
            {"BIRD does not include the file", [](CarrierView& view) { view.running.reset(); },
             Exit::no, "BIRD knows no state_red: its configuration does not include the file"},
            {"one family's session is down", [](CarrierView& view) { down(view, 1); }, Exit::no,
             "the session red6 is not established but Active"},
            {"the neighbour has not the family",
             [](CarrierView& view) { view.sessions[1].channels[0].up = false; }, Exit::no,
             "the session red6 is established without IPv6"},
            {"no session has the family", [](CarrierView& view) { view.prefixes[1].session = ""; },
             Exit::no, "no session of red has IPv6, which 2001:db8::/32 needs"},
            {"one prefix is not sent",
             [](CarrierView& view) { view.prefixes[1].exported = Exported::absent; }, Exit::no,
             "2001:db8::/32 to red is absent, expected plain"},
            {"kept back by the carrier",
             [](CarrierView& view) { view.prefixes[0].exported = Exported::no_export; }, Exit::no,
             "198.51.100.0/24 to red is no_export, expected plain"},
            {"thrown away by the carrier",
             [](CarrierView& view) { view.prefixes[0].exported = Exported::blackhole; }, Exit::no,
             "198.51.100.0/24 to red is blackhole, expected plain"},
            {"a half is plain as well",
             [](CarrierView& view) {
                 view.prefixes[0].inside = {{half, Exported::plain}};
             },
             Exit::yes, ""},
            {"a half is thrown away",
             [](CarrierView& view) {
                 view.prefixes[0].inside = {{half, Exported::blackhole}};
             },
             Exit::no,
             "198.51.100.0/25 to red, inside of 198.51.100.0/24, is blackhole, expected plain"},
            {"the far side holds it",
             [](CarrierView& view) {
                 view.far = {"", {prefix, prefix6}};
             },
             Exit::yes, ""},
            {"the far side does not",
             [](CarrierView& view) {
                 view.far = {"", {prefix}};
             },
             Exit::no, "red does not hold 2001:db8::/32"},
            {"nor does a half do for it",
             [](CarrierView& view) {
                 view.far = {"", {half, prefix6}};
             },
             Exit::no, "red does not hold 198.51.100.0/24"},
            {"the far side cannot be asked",
             [](CarrierView& view) {
                 view.far = {"x: down", {}};
             },
             Exit::unknown, "cannot tell what red holds: x: down"},
        });
}

TEST_CASE("drained") {
    check(Announce::drained, Exported::graceful_shutdown,
          {
              {"all of it", [](CarrierView&) {}, Exit::yes, ""},
              {"a half goes on as it was",
               [](CarrierView& view) {
                   view.prefixes[0].inside = {{half, Exported::plain}};
               },
               Exit::no,
               "198.51.100.0/25 to red, inside of 198.51.100.0/24, is plain, expected "
               "graceful_shutdown"},
          });
}

TEST_CASE("withdrawn") {
    check(
        Announce::withdrawn, Exported::absent,
        {
            {"all of it", [](CarrierView&) {}, Exit::yes, ""},
            {"no session has the family", [](CarrierView& view) { view.prefixes[1].session = ""; },
             Exit::yes, ""},
            {"a half still goes out",
             [](CarrierView& view) {
                 view.prefixes[0].inside = {{half, Exported::plain}};
             },
             Exit::no,
             "198.51.100.0/25 to red, inside of 198.51.100.0/24, is plain, expected absent"},
            {"the session is down: what the carrier keeps is not seen",
             [](CarrierView& view) { down(view, 0); }, Exit::unknown,
             "cannot tell whether red still holds 198.51.100.0/24: the session red4 is not "
             "established but Active"},
            {"and comes back from a graceful restart",
             [](CarrierView& view) { view.sessions[1].channels[0].recovering = true; },
             Exit::unknown,
             "cannot tell whether red still holds 2001:db8::/32: the session red6 recovers from a "
             "graceful restart"},
            {"the session is down, and the far side shows it",
             [](CarrierView& view) {
                 down(view, 0);
                 view.far.emplace();
             },
             Exit::yes, ""},
            {"the far side has kept a half",
             [](CarrierView& view) {
                 view.far = {"", {half}};
             },
             Exit::no, "red still holds 198.51.100.0/25"},
            {"no outranks cannot tell",
             [](CarrierView& view) {
                 down(view, 1);
                 view.prefixes[0].exported = Exported::plain;
             },
             Exit::no, "198.51.100.0/24 to red is plain, expected absent"},
        });
}

}  // namespace rehome::cutover::testing
