// The path of a packet through both sites' gateways, as scenarios: each step is one event and where
// its packet ends.  On its way each packet is checked for what must never be (lab.h).
//
// Events                                          and what is expected
//   red@old S          the client sends SYN         "old servers": to a server, by the old gateway
//                      by that line ("udp": UDP)    "old>new servers", "old drop no_server", ...
//   reply SA           its server answers           "new>old red": by the line of red at old
//   share old 100      percent, at that gateway
//   line old red off   off | drain | on
//   stop old meters    no server is live: reload    pass 400     ms
//   cut | mend         the link                     expire old   all of that gateway's entries
//   table old here 1 relayed 0 ...                  compared with the flow counts: "as said"
#include <doctest/doctest.h>

#include <optional>
#include <sstream>

#include "tests/unit/vipd/lab.h"
#include "vipd/packet/bytes.h"

using namespace rehome;
using namespace rehome::vipd;
using namespace rehome::vipd::testing;

namespace {

struct Step {
    std::string event;
    std::string expected;
};

struct Scenario {
    std::string what;
    std::vector<Step> steps;
    Lab::Setup setup{};
};

uint8_t flags_of(const std::string& letters) {
    uint8_t flags = 0;
    for (const char letter : letters) {
        flags |= letter == 'S'   ? flag::S
                 : letter == 'A' ? flag::A
                 : letter == 'F' ? flag::F
                 : letter == 'R' ? flag::R
                                 : flag::P;
    }
    return flags;
}

// One client, its server, and the events of a scenario.
class Play {
public:
    explicit Play(const Lab::Setup& setup) : lab_(setup) {}

    std::string run(const std::string& event) {
        std::istringstream words(event);
        std::string verb;
        words >> verb;
        if (verb.find('@') != std::string::npos) {
            return client_sends(verb, words);
        }
        if (verb == "reply") {
            return server_replies(words);
        }
        return change(verb, words);
    }
    const Lab& lab() const { return lab_; }

private:
    std::string client_sends(const std::string& from, std::istringstream& words) {
        std::string flags, option;
        words >> flags >> option;
        const auto at = from.find('@');
        const size_t gateway = lab_.index(from.substr(at + 1));
        const std::string carrier = from.substr(0, at);
        const PortIndex port = carrier == "red" ? red : carrier == "green" ? green : blue;
        Say say = to_meters(client_, flags_of(flags));
        if (flags == "udp") {
            say = {client_, end("198.51.100.10:862"), 17};
        } else if (flags == "echo") {
            say = {client_, end("198.51.100.10:0"), 1};
        }
        say.to.address = option == "terminals" ? ip("203.0.113.5") : say.to.address;
        say.to.port = option == "terminals" ? uint16_t{14000} : say.to.port;
        if ((say.flags & flag::R) != 0) {
            say.seq = client_next_;
        } else {
            say.payload = "what the client says";
            client_next_ =
                std::max(client_next_, parse_packet(make_ip(say), 0)->sequence_length() + say.seq);
        }
        return arrived(lab_.enter(gateway, port, say), say);
    }

    // Where the packet ended, and what is wrong with it there.
    std::string arrived(const Outcome& outcome, const Say& sent) {
        std::string result = outcome.text();
        if (outcome.end != "servers") {
            return result;
        }
        const Packet packet = outcome.packet();
        const Endpoint server{packet.destination, packet.destination_port};
        result += packet.source == sent.from.address && packet.source_port == sent.from.port
                      ? ""
                      : " with another source";
        result += packet.ttl == sent.ttl - 1 ? "" : " with another TTL";
        result += lab_.gateways[outcome.gateway].serves(server) ? "" : " of nobody";
        if (server_ && server_->address != server.address) {
            result += " (another server)";
        }
        server_ = server;
        at_server_ = outcome;
        vip_ = sent.to;
        return result;
    }

    std::string server_replies(std::istringstream& words) {
        std::string flags;
        words >> flags;
        const Say say = answer(at_server_.packet(), flags_of(flags));
        const Outcome outcome = lab_.enter(at_server_.gateway, servers_port, say);
        const bool by_line =
            outcome.end == "red" || outcome.end == "green" || outcome.end == "blue";
        const Packet packet = outcome.packet();
        const bool right = packet.source == vip_.address && packet.destination == say.to.address &&
                           (!packet.tcp() || (packet.source_port == vip_.port &&
                                              packet.destination_port == say.to.port));
        return outcome.text() + (by_line && !right ? " as " + text(packet) : "");
    }

    std::string change(const std::string& verb, std::istringstream& words) {
        std::string name;
        if (verb == "cut" || verb == "mend") {
            lab_.link_up = verb == "mend";
        } else if (verb == "pass") {
            Micros time = 0;
            words >> time;
            lab_.pass(time * ms);
        } else if (words >> name; verb == "share") {
            uint32_t percent = 0;
            words >> percent;
            lab_.share(lab_[name], {percent * 100});
        } else if (verb == "line") {
            set_line(lab_[name], words);
        } else if (verb == "stop") {
            lab_[name].config.services[0].servers[0].weight = 0;
            lab_[name].config.services[0].servers[1].weight = 0;
            lab_.reload(lab_[name]);
        } else if (verb == "expire") {
            lab_[name].path->flows().expire(lab_.now + 100'000 * 1000 * ms);
        } else if (verb == "table") {
            const FlowCounts& c = lab_[name].path->flows().counts();
            return "here " + std::to_string(c.here) + " relayed " + std::to_string(c.relayed) +
                   " provisional " + std::to_string(c.provisional) + " closing " +
                   std::to_string(c.closing);
        } else {
            return "no such event";
        }
        return "";
    }

    void set_line(LabGateway& gateway, std::istringstream& words) {
        std::string carrier, state;
        words >> carrier >> state;
        const size_t index = carrier == "red" ? 0 : carrier == "green" ? 1 : 2;
        lab_.line(gateway, index,
                  state == "on"    ? LineState::enabled
                  : state == "off" ? LineState::disabled
                                   : LineState::draining);
    }

    Lab lab_;
    uint32_t client_next_ = 0;
    Endpoint client_ = end("100.80.0.1:40000"), vip_;
    std::optional<Endpoint> server_;
    Outcome at_server_;
};

// Parts of scenarios.
std::vector<Step> steps(std::initializer_list<std::vector<Step>> parts) {
    std::vector<Step> out;
    for (const auto& part : parts) {
        out.insert(out.end(), part.begin(), part.end());
    }
    return out;
}

const std::vector<Step> log_in_at_old{{"red@old S", "old servers"},
                                      {"reply SA", "old red"},
                                      {"red@old A", "old servers"},
                                      {"pass 150", ""}};
const std::vector<Step> log_in_relayed{{"share old 100", ""},
                                       {"red@old S", "old>new servers"},
                                       {"reply SA", "new>old red"},
                                       {"red@old A", "old>new servers"},
                                       {"pass 150", ""}};
const std::vector<Step> new_red_on{{"line new red on", ""}, {"pass 200", ""}};

const Scenario scenarios[] = {
    {"served here",
     steps({log_in_at_old,
            {{"reply A", "old red"}, {"table old", "here 1 relayed 0 provisional 0 closing 0"}}})},
    {"all three lines, one flow: the way back is the last way in",
     steps({log_in_at_old,
            {{"green@old A", "old servers"},
             {"reply A", "old green"},
             {"blue@old A", "old servers"},
             {"reply A", "old blue"}}})},
    {"UDP",
     {{"blue@old udp", "old servers"}, {"reply", "old blue"}, {"blue@old udp", "old servers"}}},
    {"echo is answered at once",
     {{"green@old echo", "old green"}, {"green@new echo", "new>old green"}}},

    {"the share relays a new flow, and its replies leave by the line it came in by",
     steps({log_in_relayed,
            {{"reply A", "new>old red"},
             {"table old", "here 0 relayed 1 provisional 0 closing 0"},
             {"table new", "here 1 relayed 0 provisional 0 closing 0"}}})},
    {"the share relays UDP",
     {{"share old 100", ""}, {"red@old udp", "old>new servers"}, {"reply", "new>old red"}}},
    {"the share touches no flow that is here",
     steps({log_in_at_old,
            {{"share old 100", ""}, {"red@old A", "old servers"}, {"red@old S", "old servers"}}})},
    {"a share that falls leaves what is relayed", steps({log_in_relayed,
                                                         {{"share old 0", ""},
                                                          {"red@old A", "old>new servers"},
                                                          {"red@old S", "old>new servers"}}})},

    {"carrier moves: the way back becomes the new site's line",
     steps({log_in_relayed,
            new_red_on,
            {{"red@new A", "new servers"},
             {"reply A", "new red"},
             {"red@old A", "old>new servers"},
             {"reply A", "new>old red"}}})},
    {"another carrier at the new site whose line is not enabled: back by the old site",
     steps({log_in_relayed, {{"green@new A", "new servers"}, {"reply A", "new>old green"}}})},

    {"the client changed its carrier, its old line is disabled: by the new one's line",
     steps({log_in_relayed,
            {{"line old red off", ""},
             {"green@new A", "new servers"},
             {"reply A", "new>old green"}}})},

    {"second chance: an old flow comes in at the new site",
     steps({log_in_at_old,
            new_red_on,
            {{"red@new A", "new>old servers"},
             {"table new", "here 0 relayed 1 provisional 0 closing 0"},
             {"reply A", "old>new red"},
             {"red@new A", "new>old servers"},
             {"red@old A", "old servers"},
             {"reply A", "old red"}}})},
    {"second chance, before the new line is enabled: the reply leaves by the old one",
     steps({log_in_at_old, {{"red@new A", "new>old servers"}, {"reply A", "old red"}}})},
    {"a provisional entry that nobody confirms is asked again",
     steps({log_in_at_old,
            new_red_on,
            {{"cut", ""},
             {"red@new A", "new lost"},
             {"table new", "here 0 relayed 0 provisional 1 closing 0"},
             {"mend", ""},
             {"pass 11000", ""},
             {"table new", "here 0 relayed 0 provisional 0 closing 0"},
             {"red@new A", "new>old servers"},
             {"reply A", "old>new red"}}})},
    {"a SYN replaces a provisional entry and is placed",
     steps({log_in_at_old,
            new_red_on,
            {{"cut", ""},
             {"red@new A", "new lost"},
             {"mend", ""},
             {"red@new S", "new servers (another server)"},
             {"reply SA", "new red"}}})},
    {"nobody's flow: adopted where it came in",
     {{"red@old A", "old servers"}, {"table old", "here 1 relayed 0 provisional 0 closing 0"}}},
    {"the new gateway restarts: a relayed flow finds its server again",
     steps({log_in_relayed,
            {{"expire new", ""},
             {"pass 150", ""},
             {"red@old A", "old>new servers"},
             {"reply A", "new>old red"}}})},
    {"a flow that the other site does not know either is adopted by who asked",
     steps({log_in_at_old,
            {{"expire old", ""},
             {"red@new A", "new>old>new servers (another server)"},
             {"table old", "here 0 relayed 0 provisional 0 closing 0"},
             {"table new", "here 1 relayed 0 provisional 0 closing 0"},
             {"red@new A", "new servers"}}})},
    {"the gateway that serves it restarts: its flow is taken up at the same server",
     steps({log_in_at_old,
            {{"expire old", ""}, {"red@old A", "old servers"}, {"reply A", "old red"}}})},
    {"a stray reset makes no entry",
     steps({log_in_at_old,
            {{"expire old", ""},
             {"red@new RA", "new>old servers"},
             {"table new", "here 0 relayed 0 provisional 0 closing 0"}}})},

    {"a SYN from the tunnel is placed whatever the share",
     {{"share old 100", ""},
      {"share new 100", ""},
      {"red@old S", "old>new servers"},
      {"reply SA", "new>old red"}}},
    {"back again: the share of the new site relays to the old one",
     steps({new_red_on,
            {{"share new 100", ""},
             {"red@new S", "new>old servers"},
             {"reply SA", "old>new red"},
             {"red@new A", "new>old servers"}}})},

    {"a line that is disabled: its ways back move into the tunnel at once",
     steps({log_in_at_old,
            new_red_on,
            {{"line old red drain", ""},
             {"reply A", "old>new red"},
             {"red@old A", "old servers"},
             {"reply A", "old>new red"},
             {"pass 20", ""},
             {"reply A", "old>new red"}}})},
    {"draining: a peer's reply still leaves until the peer has confirmed",
     steps({log_in_relayed,
            new_red_on,
            {{"line old red drain", ""},
             {"reply A", "new>old red"},
             {"pass 10", ""},
             {"reply A", "new red"}}})},
    {"a line is disabled and nobody else has one: dropped, never spoofed",
     steps({log_in_at_old,
            {{"line old red drain", ""},
             {"reply A", "old red"},
             {"pass 250", ""},
             {"reply A", "old drop no_way_back"},
             {"line old red on", ""},
             {"reply A", "old red"}}})},
    {"disabled at once: a peer's late reply is dropped",
     steps({log_in_relayed,
            {{"line old red off", ""},
             {"reply A", "new>old drop line_disabled"},
             {"pass 150", ""},
             {"reply A", "new drop no_way_back"}}})},
    {"echo by a disabled line",
     {{"line old red off", ""}, {"red@old echo", "old drop no_way_back"}}},
    {"echo by a line that moved",
     steps({new_red_on, {{"line old red drain", ""}, {"red@old echo", "old>new red"}}})},

    {"the peer dies: its flows wait, then are reset; new ones are served here",
     steps({log_in_relayed,
            {{"cut", ""},
             {"pass 300", ""},
             {"red@old A", "old lost"},
             {"pass 100", ""},
             {"red@old A", "old drop peer_down"},
             {"red@old S", "old servers (another server)"},
             {"reply SA", "old red"}}})},
    {"the peer is gone for good: the client is told",
     steps({log_in_relayed,
            {{"cut", ""},
             {"pass 3100", ""},
             {"red@old A", "old red"},
             {"table old", "here 0 relayed 0 provisional 0 closing 0"}}})},
    {"the peer comes back in time: nothing happened", steps({log_in_relayed,
                                                             {{"cut", ""},
                                                              {"pass 2000", ""},
                                                              {"red@old A", "old drop peer_down"},
                                                              {"mend", ""},
                                                              {"pass 150", ""},
                                                              {"red@old A", "old>new servers"},
                                                              {"reply A", "new>old red"}}})},
    {"a server's reply whose way back is gone waits for another line",
     steps({log_in_relayed,
            {{"cut", ""},
             {"pass 400", ""},
             {"reply A", "new drop no_way_back"},
             {"line new red on", ""},
             {"reply A", "new red"}}})},
    {"the link is silent for a moment: UDP waits, and stays where it is",
     {{"share old 100", ""},
      {"red@old udp", "old>new servers"},
      {"cut", ""},
      {"pass 600", ""},
      {"red@old udp", "old drop peer_down"},
      {"mend", ""},
      {"pass 300", ""},
      {"red@old udp", "old>new servers"}}},
    {"the peer dies: UDP is served here",
     {{"share old 100", ""},
      {"red@old udp", "old>new servers"},
      {"cut", ""},
      {"pass 3400", ""},
      {"red@old udp", "old servers (another server)"}}},

    {"a retransmitted SYN keeps the entry",
     {{"red@old S", "old servers"},
      {"share old 100", ""},
      {"red@old S", "old servers"},
      {"reply SA", "old red"},
      {"red@old S", "old servers"}}},
    {"a SYN replaces a closed flow, which is placed anew",
     steps({log_in_at_old,
            {{"red@old FA", "old servers"},
             {"reply FA", "old red"},
             {"red@old A", "old servers"},
             {"table old", "here 0 relayed 0 provisional 0 closing 1"},
             {"share old 100", ""},
             {"red@old S", "old>new servers (another server)"},
             {"table old", "here 0 relayed 1 provisional 0 closing 0"}}})},
    {"a SYN replaces a flow that was reset",
     steps({log_in_at_old,
            {{"red@old RA", "old servers"},
             {"share old 100", ""},
             {"red@old S", "old>new servers (another server)"}}})},
    {"a flow closed by one end alone lives",
     steps({log_in_at_old,
            {{"red@old FA", "old servers"},
             {"share old 100", ""},
             {"red@old S", "old servers"},
             {"table old", "here 1 relayed 0 provisional 0 closing 0"}}})},

    {"no live server here: the other site serves what is new",
     {{"stop old", ""}, {"red@old S", "old>new servers"}, {"reply SA", "new>old red"}}},
    {"no live server at all",
     {{"stop old", ""},
      {"stop new", ""},
      {"pass 150", ""},
      {"red@old S", "old drop no_server"},
      {"red@old A", "old red"}}},
    {"no live server: what is established stays",
     steps({log_in_at_old,
            {{"stop old", ""}, {"red@old A", "old servers"}, {"reply A", "old red"}}})},

    {"a full table: new flows replace one another, what is established goes on",
     {{"red@old S", "old servers"},
      {"reply SA", "old red"},
      {"red@old A", "old servers"},
      {"green@old udp", "old servers"},
      {"blue@old udp", "old servers"},
      {"red@old A", "old servers"},
      {"table old", "here 2 relayed 0 provisional 0 closing 0"}},
     {{"old", "new"}, 1, {"old"}}},
};

}  // namespace

TEST_CASE("scenarios") {
    for (const Scenario& scenario : scenarios) {
        Play play(scenario.setup);
        for (const Step& step : scenario.steps) {
            INFO(scenario.what, ": ", step.event);
            CHECK(play.run(step.event) == step.expected);
        }
        for (const auto& wrong : play.lab().wrong) {
            FAIL_CHECK(scenario.what, ": ", wrong);
        }
    }
}
