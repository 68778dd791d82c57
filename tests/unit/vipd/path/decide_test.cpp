// The relay's rules as a table of cases (the design, "The relay between two sites keeps these
// rules").  One row is one packet: what is known about it, and where it goes.  Numbers are rules.
#include <doctest/doctest.h>

#include <string>
#include <string_view>

#include "vipd/path/decide.h"

using namespace rehome;
using namespace rehome::vipd;

namespace {

// Facts as words, so that a row says only what matters to it:
//   from: line (unless said), same_site, other_site, crossed
//   what: syn | segment | udp           entry: here | relayed | provisional
//   entry's: replaceable peer_up peer_gone
//   around: share other_up (and takes new flows unless it refuses) other_flows home serve silent
//   the packet: asked
Arrival facts(std::string_view words) {
    Arrival a;
    const auto said = [&](std::string_view word) {
        return (" " + std::string(words) + " ").find(" " + std::string(word) + " ") !=
               std::string::npos;
    };
    a.from = said("same_site")    ? From::same_site
             : said("other_site") ? From::other_site
                                  : From::line;
    a.crossed = said("other_site") || said("crossed");
    a.tcp = !said("udp");
    a.first = said("syn");
    a.entry = said("here")          ? Entry::here
              : said("relayed")     ? Entry::relayed
              : said("provisional") ? Entry::provisional
                                    : Entry::none;
    a.replaceable = said("replaceable");
    a.peer_up = said("peer_up");
    a.peer_gone = said("peer_gone");
    a.share_relays = said("share");
    a.other_up = said("other_up");
    a.other_takes = a.other_up && !said("refuses");
    a.other_has_flows = said("other_flows");
    a.home_is_peer = said("home");
    a.can_serve = said("serve");
    a.asked = said("asked");
    a.other_silent = said("silent");
    return a;
}

struct Row {
    std::string what;
    std::string_view facts;
    Decision decision;
};

using D = Decision;

const Row rows[] = {
    // 1: an entry fixes the server.
    {"1 entry here", "segment here serve", D::serve_entry},
    {"1 whatever the share", "segment here serve share other_up other_flows", D::serve_entry},
    {"1 even when no server is live", "segment here", D::serve_entry},
    {"1 even when its server is down", "segment here replaceable serve", D::serve_entry},
    {"1 a retransmitted SYN keeps it", "syn here serve share other_up", D::serve_entry},
    {"1 UDP follows its entry", "udp here serve share other_up", D::serve_entry},
    {"1 a relayed flow has an entry too", "segment relayed peer_up serve", D::relay_entry},
    {"1 relayed though the share fell", "syn relayed peer_up serve", D::relay_entry},
    {"1 relayed though home is elsewhere", "segment relayed peer_up home", D::relay_entry},
    {"1 relayed UDP", "udp relayed peer_up serve", D::relay_entry},
    {"1 provisional counts on a line", "segment provisional replaceable peer_up serve other_up",
     D::relay_entry},

    // 1: what replaces an entry.
    {"1 SYN replaces a closing entry", "syn here replaceable serve", D::place_here},
    {"1 and is placed by the share", "syn here replaceable serve share other_up", D::place_relayed},
    {"1 SYN replaces a closing relayed entry", "syn relayed replaceable peer_up serve",
     D::place_here},
    {"1 SYN replaces a provisional entry", "syn provisional replaceable peer_up serve",
     D::place_here},
    {"1 SYN replaces an entry whose peer is down", "syn relayed replaceable serve", D::place_here},
    {"1 UDP replaces one whose server is gone", "udp here replaceable serve", D::place_here},
    {"1 a segment replaces nothing", "segment relayed replaceable peer_up serve", D::relay_entry},
    {"1 closing, nobody to serve", "syn here replaceable", D::drop_no_server},

    // 2: a new flow.
    {"2 SYN is placed here", "syn serve", D::place_here},
    {"2 SYN in the share", "syn serve share other_up", D::place_relayed},
    {"2 the share counts only while the other site lives", "syn serve share", D::place_here},
    {"2 not in the share", "syn serve other_up other_flows", D::place_here},
    {"2 nobody here: the other site", "syn other_up", D::place_relayed},
    {"2 in the share, the other takes none", "syn serve share other_up refuses", D::place_here},
    {"2 UDP likewise", "udp serve share other_up refuses", D::place_here},
    {"2 nobody here, the other takes none", "syn other_up refuses", D::drop_no_server},
    {"2 nobody anywhere", "syn", D::drop_no_server},
    {"2 nobody anywhere, in the share", "syn share", D::drop_no_server},
    {"2 a new flow does not go home", "syn serve home", D::place_here},
    {"2 UDP: any packet without an entry", "udp serve", D::place_here},
    {"2 UDP in the share", "udp serve share other_up", D::place_relayed},
    {"2 UDP asks for no second chance", "udp serve other_up other_flows home", D::place_here},

    // 3: the second chance.
    {"3 home first", "segment serve home other_up other_flows", D::try_home},
    {"3 then the other site", "segment serve other_up other_flows", D::try_other},
    {"3 from home's asker to the other site", "segment same_site serve home other_up other_flows",
     D::try_other},
    {"3 who takes no new flow may know old ones", "segment serve other_up other_flows refuses",
     D::try_other},
    {"3 the share does not matter", "segment serve share other_up other_flows", D::try_other},
    {"3 the other has no flows: adopt", "segment serve other_up", D::adopt},
    {"3 the other is dead: adopt", "segment serve other_flows", D::adopt},
    {"3 nobody can serve: reset", "segment", D::reset},
    {"3 nobody here, the other has flows", "segment other_up other_flows", D::try_other},
    {"3 nobody here, the other has none: reset", "segment other_up", D::reset},
    {"3 last of the same site adopts", "segment same_site serve", D::adopt},
    {"3 last of the same site resets", "segment same_site", D::reset},
    {"3 the other site's gateway asks home", "segment other_site serve home", D::try_home},
    {"3 the other site adopts", "segment other_site serve", D::adopt},
    {"3 the other site resets", "segment other_site", D::reset},

    {"3 asked, and known", "segment other_site asked here serve", D::serve_entry},
    {"3 asked, and not known", "segment other_site asked serve home", D::say_unknown},
    {"3 asked, and nobody to serve", "segment same_site asked other_up other_flows",
     D::say_unknown},
    {"3 asked, and relayed from here", "segment other_site asked relayed peer_up serve",
     D::say_unknown},
    {"3 who could know is silent: wait", "segment serve silent", D::drop_peer_down},
    {"3 silent, but it came from a peer", "segment same_site serve silent", D::adopt},
    {"2 a new flow waits for nobody", "syn serve silent", D::place_here},

    // 4: what came through the tunnel ends here or goes on, never back.
    {"4 entry here", "segment other_site here serve", D::serve_entry},
    {"4 entry here, SYN again", "syn other_site here serve share other_up", D::serve_entry},
    {"4 SYN is placed whatever the share", "syn other_site serve share other_up", D::place_here},
    {"4 SYN of the same site too", "syn same_site serve share other_up", D::place_here},
    {"4 SYN ignores a relayed entry", "syn other_site relayed peer_up serve share other_up",
     D::place_here},
    {"4 SYN, nobody here: not sent back", "syn other_site other_up", D::drop_no_server},
    {"4 SYN of the same site, nobody here", "syn same_site other_up", D::drop_no_server},
    {"4 UDP is placed whatever the share", "udp other_site serve share other_up", D::place_here},
    {"4 UDP ignores a relayed entry", "udp other_site relayed peer_up serve", D::place_here},
    {"4 a relayed entry does not count",
     "segment other_site relayed peer_up serve other_up other_flows", D::adopt},
    {"4 nor does a provisional one", "segment other_site provisional peer_up other_up other_flows",
     D::reset},
    {"4 nor for the same site", "segment same_site relayed peer_up serve other_up other_flows",
     D::try_other},
    {"4 crossed once, not again", "segment same_site crossed serve other_up other_flows", D::adopt},
    {"4 crossed, nobody here", "segment same_site crossed other_up other_flows", D::reset},
    {"4 crossed and at home", "segment other_site home serve other_up other_flows", D::try_home},

    // 5: a dead peer gets nothing.
    {"5 relayed, peer down", "segment relayed replaceable serve", D::drop_peer_down},
    {"5 relayed, peer gone for good", "segment relayed replaceable peer_gone serve", D::reset},
    {"5 provisional, peer down", "segment provisional replaceable serve", D::drop_peer_down},
    {"5 provisional, peer gone", "segment provisional replaceable peer_gone", D::reset},
    {"5 UDP moves when the peer is down", "udp relayed replaceable serve", D::place_here},
    {"5 UDP, peer down, nobody here", "udp relayed replaceable", D::drop_no_server},
};

}  // namespace

TEST_CASE("the relay's rules") {
    for (const Row& row : rows) {
        INFO(row.what, ": ", std::string(row.facts));
        CHECK(std::string(name(decide(facts(row.facts)))) == std::string(name(row.decision)));
    }
}

namespace {

// Every combination of facts that can be, which is few enough to try them all.
template <typename Check>
void for_every_arrival(Check check) {
    for (uint32_t bits = 0; bits < 1u << 17; ++bits) {
        const auto bit = [&](unsigned n) { return (bits >> n & 1) != 0; };
        Arrival a;
        a.from = bit(0) ? (bit(1) ? From::same_site : From::other_site) : From::line;
        a.crossed = a.from == From::other_site || (a.from == From::same_site && bit(2));
        a.tcp = bit(3);
        a.first = a.tcp && bit(4);
        a.entry = static_cast<Entry>(bits >> 5 & 3);
        a.peer_up = bit(7) && (a.entry == Entry::relayed || a.entry == Entry::provisional);
        a.peer_gone = !a.peer_up && bit(8);
        const bool peer_entry = a.entry == Entry::relayed || a.entry == Entry::provisional;
        a.replaceable = (peer_entry && !a.peer_up) || (a.entry != Entry::none && bit(9));
        a.share_relays = bit(10);
        a.other_up = bit(11);
        a.other_has_flows = a.other_up && bit(8);
        a.other_takes = a.other_up && bit(16);
        a.home_is_peer = bit(12);
        a.can_serve = bit(13);
        a.asked = a.from != From::line && bit(14);
        a.other_silent = !a.other_up && bit(15);
        check(a, decide(a));
    }
}

bool goes_to_a_peer(Decision d) {
    return d == D::relay_entry || d == D::place_relayed || d == D::try_home || d == D::try_other;
}

}  // namespace

TEST_CASE("what holds for every packet") {
    for_every_arrival([](const Arrival& a, Decision d) {
        INFO("decision ", std::string(name(d)));
        // Never back over the link between the sites, and no entry sends on what was tunnelled.
        if (a.crossed) {
            REQUIRE((!goes_to_a_peer(d) || d == D::try_home));
        }
        if (a.from != From::line) {
            REQUIRE(d != D::relay_entry);
            REQUIRE(d != D::place_relayed);
        }
        // One try at home, from where it is not asked again.
        REQUIRE_FALSE((d == D::try_home && a.from == From::same_site));
        // Nothing new for a site or a peer that cannot take it.
        REQUIRE_FALSE(((d == D::place_here || d == D::adopt) && !a.can_serve));
        REQUIRE_FALSE((d == D::place_relayed && !a.other_takes));
        REQUIRE_FALSE((d == D::try_other && !a.other_up));
        REQUIRE_FALSE((d == D::relay_entry && !a.peer_up));
        // Who is asked neither keeps nor resets what it does not know, nor passes the question on.
        if (a.asked && a.tcp && !a.first) {
            REQUIRE((d == D::serve_entry || d == D::say_unknown));
        }
        // A reset, a second chance and an adoption are for TCP in mid-flow alone.
        if (!a.tcp || a.first) {
            REQUIRE(d != D::reset);
            REQUIRE(d != D::adopt);
            REQUIRE(d != D::try_home);
            REQUIRE(d != D::try_other);
        }
        // What an entry here fixes stays, unless it may be replaced by a flow's first packet.
        if (a.entry == Entry::here && !(a.replaceable && (a.first || !a.tcp))) {
            REQUIRE(d == D::serve_entry);
        }
    });
}

TEST_CASE("every decision has a name of its own") {
    for (auto d = D::serve_entry; d <= D::drop_peer_down;
         d = static_cast<D>(static_cast<int>(d) + 1)) {
        CHECK_FALSE(name(d).empty());
        for (auto e = D::serve_entry; e < d; e = static_cast<D>(static_cast<int>(e) + 1)) {
            CHECK(name(d) != name(e));
        }
    }
}
