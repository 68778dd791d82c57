// Fuzzes the path of a packet (libFuzzer, ASan, UBSan): the input is a list of events at one
// gateway with one worker or two, among them raw frames at any port, packets that are almost right,
// the same inside the tunnel of a known peer, servers' answers, keepalives of a peer that knows no
// options or all of them, whatever else peers say, answers to health checks that the kernel sends,
// what checks find, access rules, limits, admission, what is disabled, and time.
//
// Every frame is a heap block that ends where the frame ends, so that a byte read too far is seen.
// After each packet must hold: one way out, counted once; a packet with a VIP as source leaves by
// lines that may carry it, or inside the tunnel, and by nothing else; what came by a line while
// rules drop everything goes nowhere, and nobody is answered.  What workers pass to each other gets
// to an owner, at once or an event later, and whose flows are theirs.
#include <cstdlib>
#include <memory>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "tests/fuzz/must.h"
#include "tests/unit/vipd/lab.h"
#include "vipd/packet/bytes.h"
#include "vipd/packet/rewrite.h"
#include "vipd/path/owner.h"
#include "vipd/path/tags.h"

namespace rehome::vipd::testing {

namespace {

// Takes values from the front of the input; zeros when it is used up.
class Input {
public:
    explicit Input(std::span<const uint8_t> bytes) : rest_(bytes) {}

    bool empty() const { return rest_.empty(); }
    uint8_t byte() {
        if (rest_.empty()) {
            return 0;
        }
        const uint8_t value = rest_[0];
        rest_ = rest_.subspan(1);
        return value;
    }
    uint16_t two() { return static_cast<uint16_t>(byte() << 8 | byte()); }
    Bytes bytes(size_t count) {
        const auto taken = rest_.first(std::min(count, rest_.size()));
        rest_ = rest_.subspan(taken.size());
        return {taken.begin(), taken.end()};
    }

private:
    std::span<const uint8_t> rest_;
};

const Config& config() {
    static const Config made = [] {
        Config all = with_lines(every_forwarding(), true);
        all.lines[2].enabled = false;
        all.keys = {"keys", true};
        all.health = HealthConfig{};
        for (ServiceConfig& service : all.services) {
            service.health = all.health;
        }
        for (size_t i = 0; i < 3; ++i) {
            all.services[i].health->all_down = static_cast<HealthConfig::AllDown>(i);
        }
        return all;
    }();
    return made;
}

// What may be said of access, the first one everything that ends all there is.
struct Ruled {
    std::shared_ptr<const AccessRules> rules;
    std::shared_ptr<const Access> access;
};

const std::vector<Ruled>& rule_sets() {
    static const auto made = [] {
        const auto documents = nlohmann::json::parse(R"([
            {"default": "drop"},
            {"default": "accept"},
            {"default": "accept", "rules": [{"action": "drop", "clients": ["100.80.0.1", "2001:db8:c::/64"]}]},
            {"default": "drop", "rules": [{"action": "accept", "service": "meters"},
                {"action": "accept", "vips": ["203.0.113.128/25", "2001:db8:f::/64"], "ports": ["1-9"]},
                {"action": "accept", "clients": ["100.80.0.2/31"], "protocol": "udp"}]},
            {"default": "accept", "limits": {"clients": {"per_s": 1, "ipv6_length": 128,
                    "except": [{"clients": ["100.80.0.3"]}, {"clients": ["100.80.0.4"], "per_s": 5}]},
                "services": [{"service": "meters", "per_s": 2}],
                "vips": [{"vip": "198.51.100.10", "per_s": 3}]}},
            {"default": "accept", "admission": {"percent": 40}},
            {"default": "accept", "admission": {"percent": 0, "refuse": "silence"},
                "rules": [{"action": "drop", "protocol": "icmp"}]}])");
        std::vector<Ruled> sets;
        for (nlohmann::json document : documents) {
            document["schema"] = "rehome/vipd-access/1";
            const auto rules = *read_access("rules", "", document, nullptr);
            sets.push_back({rules, nullptr});
            if (rules->decides()) {
                sets.back().access = std::make_shared<const Access>(
                    Access{rules, plain_classifier(*flatten(*rules, config().services))});
            }
        }
        return sets;
    }();
    return made;
}

// What comes without a tag is taken as well, or nothing would get further.
std::shared_ptr<const Keyring> keys() {
    return std::make_shared<const Keyring>(Keyring{{FileKey{1, {1}}}});
}

const std::shared_ptr<const Tables>& tables() {
    static const auto made = Tables::build(config());
    return made;
}

std::shared_ptr<const Fib> routes() {
    static const auto made = [] {
        RouteTable table;
        table.set({*Prefix::parse("10.1.0.0/16"), 0}, {servers_port, {}});
        table.set({*Prefix::parse("10.99.0.0/24"), 0}, {link_port, {}});
        table.set({*Prefix::parse("2001:db8:a::/64"), 0}, {servers_port, {}});
        table.set({*Prefix::parse("100.80.0.0/16"), 0}, {red, config().lines[0].peer});
        return std::make_shared<const Fib>(table.build());
    }();
    return made;
}

class Fuzz {
public:
    explicit Fuzz(Input& in)
        : in_(in), act_(config(), settings(1U + in.byte() % 2), now_, {}, keys()) {
        for (uint32_t i = 0; i < act_.workers(); ++i) {
            act_.worker(i).replace_routes(routes());
            owners_.push_back(std::make_unique<Ownership>(i, act_.workers(), config().ports.size(),
                                                          few_fragments(), 77));
            owners_.back()->set_tables(tables());
            owners_.back()->set_believes(
                [this](const Classified& what) { return believable(path_.snapshot(), what); });
        }
        Sink sink;
        sink.emit = [this](std::span<const uint8_t> packet, uint32_t adjacency) {
            leaves(packet, running_->adjacencies()[adjacency].hop);
        };
        act_.set_sink(std::move(sink));
    }

    void event() {
        const auto waited = std::exchange(rings_, {});
        do_event();
        for (const Given& given : waited) {
            run(given);
        }
    }

    void do_event() {
        switch (in_.byte() % 13) {
            case 0:
                return handle(in_.byte() % 6, in_.bytes(in_.byte()));
            case 1:
                return handle(in_.byte() % 3, spoiled(make_frame(client_packet())));
            case 2:
                return handle(link_port, spoiled(from_peer(make_ip(client_packet()))));
            case 3:
                return handle(link_port, spoiled(from_peer(make_ip(answer(client_packet())))));
            case 4:
                return handle(servers_port, spoiled(make_frame(server_packet())));
            case 5:
                return handle(link_port, spoiled(keepalive()));
            case 6:
                return time();
            case 7:
                return handle(link_port, spoiled(handshake()));
            case 8:
                return handle(link_port, spoiled(said()));
            case 9:
                return handle(servers_port, spoiled(check()));
            case 10:
                return find_health();
            case 11:
                return obey(rule_sets()[in_.byte() % rule_sets().size()]);
            default:
                return operate();
        }
    }

private:
    // A frame in a ring between workers, or in the owner's hands.
    struct Given {
        uint32_t worker;
        PortIndex port;
        Bytes bytes;
    };

    static Fragments::Limits few_fragments() {
        Fragments::Limits few;
        few.known = few.waiting = 4;
        few.held_bytes = 4096;
        return few;
    }
    static Datapath::Settings settings(uint32_t workers) {
        Datapath::Settings made;
        made.flows = {8, 8};
        made.hash_key = 7;
        made.ports.assign(config().ports.size(), PortLink{{}, 600});
        made.fragments = few_fragments();
        made.workers = workers;
        return made;
    }

    Say client_packet() {
        static const char* const vips[] = {
            "198.51.100.10:1883", "203.0.113.5:14000",    "198.51.100.10:862",
            "198.51.100.10:9",    "203.0.113.6:53",       "203.0.113.7:80",
            "203.0.113.130:9",    "[2001:db8:f::10]:862", "[2001:db8:f::133]:7"};
        static const uint8_t protocols[] = {6, 6, 6, 17, 1, 58};
        const Endpoint vip = end(vips[in_.byte() % 9]);
        Say say{{Address::v4(0x64500001 + in_.byte() % 4), 40000}, vip};
        if (vip.address.family == Family::v6) {
            say.from.address = ip("2001:db8:c::1");
        }
        say.protocol = protocols[in_.byte() % 6];
        say.flags = in_.byte();
        say.seq = in_.byte();
        say.ack = in_.byte();
        say.ttl = static_cast<uint8_t>(in_.byte() | 1);
        say.option_bytes = in_.byte() % 16 == 0 ? 8 : 0;
        say.payload.assign(in_.byte() % 8 * (in_.byte() % 16 == 0 ? 100U : 1U), 'x');
        const uint8_t part = in_.byte();
        say.fragment =
            part % 8 == 0 ? static_cast<uint16_t>(part % 16 == 0 ? 0x2000 : part / 16) : 0;
        return say;
    }
    Say server_packet() {
        Say say = answer(client_packet());
        const uint32_t server = in_.byte() % 3;
        say.from = {Address::v4(0x0a01010b + server % 2),
                    static_cast<uint16_t>(server == 2 ? 1884 : 1883)};
        return say;
    }
    static Say answer(Say say) {
        std::swap(say.from, say.to);
        std::swap(say.seq, say.ack);
        return say;
    }
    Bytes from_peer(const Bytes& inner) {
        const auto kind = static_cast<Gue::Kind>(in_.byte() % 6);
        const uint8_t fields = in_.byte();
        const Gue gue{kind, static_cast<uint8_t>(fields % 5), (fields & 16) != 0,
                      tables()->lines()[fields / 32 % 3].carrier_id};
        Buffer buffer(ethernet(inner));
        const size_t peer = in_.byte() % 2;
        const bool done =
            encapsulate(buffer.frame, buffer.packet(), gue, from_peer(peer)).has_value();
        return done ? Bytes(buffer.frame.bytes().begin(), buffer.frame.bytes().end()) : inner;
    }
    // Signed as the peer would, or not at all.
    TunnelEnds from_peer(size_t peer) {
        TunnelEnds ends{config().peers[peer].tunnel, config().tunnel->address, gue_port};
        const auto& agreed = path_.snapshot().peers[peer].keys->verify;
        if (!agreed.empty() && in_.byte() % 2 == 0) {
            ends.signing = {&agreed[0].keys, agreed[0].key_id, 0, agreed[0].epoch, &counter_};
            counter_ -= in_.byte() % 16 == 0 && counter_ > 5 ? 5 : 0;
        }
        return ends;
    }
    // Often what the gateway waits for.
    Bytes handshake() {
        const size_t peer = in_.byte() % 2;
        const uint8_t how = in_.byte();
        const auto ours = decode_handshake(path_.snapshot().peers[peer].keys->says);
        const uint64_t theirs = how % 4 == 0 || !ours ? how : ours->own;
        const Handshake said{1, how % 8 >= 4, 1U + how / 16, theirs};
        const TunnelPair pair{config().peers[peer].tunnel, config().tunnel->address};
        Bytes packet(200);
        packet.resize(
            make_control_packet(packet, Gue::Control::handshake,
                                encode(said, handshake_signing_key(keys()->keys[0], pair)),
                                {config().peers[peer].tunnel, config().tunnel->address, gue_port}));
        return ethernet(packet);
    }
    Bytes keepalive() {
        Keepalive k;
        k.sequence = ++sequence_;
        k.line_version = in_.byte();
        k.flows_here = in_.byte();
        for (const auto& line : tables()->lines()) {
            k.lines.push_back({line.carrier_id, in_.byte() % 2 == 0});
        }
        k.prefixes = tables()->prefixes();
        if (const uint8_t knows = in_.byte(); knows % 4 != 0) {  // else none of the options
            k.has_keys = knows % 8 != 1;
            k.move = config().move.id;
            k.hears_you = knows % 16 != 2;
            k.answers = static_cast<Answers>(knows / 16 % 3);
            k.copies = k.hears_flows = true;
            k.link_mtu = static_cast<uint16_t>(knows % 64 == 3 ? 0 : 1500);
            k.services = Keepalive::Services{knows, knows / 2U};
            k.placement = knows / 3U;
            k.access = knows / 5U;
            k.sites = knows / 7U;
        }
        Bytes packet(300);
        packet.resize(make_control_packet(packet, Gue::Control::keepalive, encode(k),
                                          from_peer(size_t{in_.byte() % 2U})));
        return ethernet(packet);
    }

    // The kernel checks a server, or a VIP through a tunnel; what that answers.
    Bytes check() {
        static const std::array<std::pair<const char*, const char*>, 4> ends{
            {{"10.1.0.1:61000", "10.1.1.11:1883"},
             {"[2001:db8:a::1]:61000", "[2001:db8:a::11]:1883"},
             {"10.99.0.1:61000", "203.0.113.6:53"},
             {"10.1.0.1:0", "10.1.1.11:0"}}};
        const uint8_t which = in_.byte();
        const auto& [from, to] = ends[which % ends.size()];
        Say say{end(from), end(to)};
        say.from.port = static_cast<uint16_t>(say.from.port == 0 ? 0 : say.from.port + which / 128);
        say.protocol = say.from.port == 0 ? 1 : which % 32 < 16 ? 6 : 17;
        say.flags = flag::S;
        say.icmp_type = 8;
        if (which % 64 < 56) {
            act_.worker(0).may_leave(spoiled(make_frame(say)), servers_port, now_);
        }
        say.flags = in_.byte();
        say.icmp_type = 0;
        return make_frame(answer(say));
    }

    // Of all servers anew.
    void find_health() {
        auto found = std::make_shared<ServersHealth>();
        for (const ServiceConfig& service : config().services) {
            auto& servers = found->services[service.name];
            for (size_t i = 0; i < service.servers.size(); ++i) {
                EndpointHealth health;
                health.state = static_cast<EndpointHealth::State>(in_.byte() % 3);
                health.since = now_;
                servers.push_back(health);
            }
        }
        act_.state.health(found);
        act_.follow(now_);
    }

    void obey(const Ruled& ruled) {
        act_.state.order(AccessOrder{ruled.rules, {}}, ruled.access);
        act_.follow(now_);
    }

    // Whatever a peer may say, with anything in it.
    Bytes said() {
        const auto control = static_cast<Gue::Control>(in_.byte() % 6);
        const Bytes what = in_.bytes(in_.byte() % 100);
        Bytes packet(300);
        packet.resize(
            make_control_packet(packet, control, what, from_peer(size_t{in_.byte() % 2U})));
        return ethernet(packet);
    }

    // A few bytes changed, or the end cut off, or neither.
    Bytes spoiled(Bytes frame) {
        const uint8_t how = in_.byte();
        for (int i = 0; i < how % 4 && !frame.empty(); ++i) {
            const size_t at = in_.two() % frame.size();
            frame[at] = in_.byte();
        }
        if (how >= 0xf0) {
            frame.resize(in_.two() % (frame.size() + 1));
        }
        return frame;
    }

    static uint64_t drops_of(const Datapath& path) {
        uint64_t total = 0;
        for (const uint64_t count : path.counters().drops) {
            total += count;
        }
        return total;
    }

    // Comes in where there are several workers, at one of them.
    void handle(int port, const Bytes& bytes) {
        const auto by = static_cast<PortIndex>(port);
        if (act_.workers() == 1) {
            return run({0, by, bytes});
        }
        pass({in_.byte() % act_.workers(), by, bytes}, true);
    }

    // To its owner; fresh: it may have to go by another worker's desk first.
    void pass(const Given& given, bool fresh) {
        Block block(given.bytes);
        Ownership& here = *owners_[given.worker];
        const auto next = here.next(block.frame, given.port, now_);
        switch (next.to) {
            case Ownership::Next::To::owner:
                give({next.worker, given.port, given.bytes});
                break;
            case Ownership::Next::To::desk:
                must(fresh && next.worker != given.worker);
                return pass({next.worker, given.port, given.bytes}, false);
            case Ownership::Next::To::all:
                for (uint32_t i = 0; i < act_.workers(); ++i) {
                    give({i, given.port, given.bytes});
                }
                break;
            case Ownership::Next::To::held:
            case Ownership::Next::To::drop:
                break;
        }
        if (next.releases) {
            here.release(now_, [&](std::span<uint8_t> bytes, PortIndex port, uint32_t owner) {
                give({owner, port, Bytes(bytes.begin(), bytes.end())});
            });
        }
    }

    void give(const Given& given) {
        if (in_.byte() % 2 == 0) {
            run(given);
        } else {
            rings_.push_back(given);
        }
    }

    // The bytes behind some room, in a block that ends with them.
    struct Block {
        static constexpr uint32_t room = 128;
        explicit Block(const Bytes& bytes)
            : begin(std::make_unique<uint8_t[]>(room + bytes.size())),
              end(begin.get() + room + bytes.size()),
              frame{begin.get() + room, static_cast<uint32_t>(bytes.size()), room, 0} {
            std::copy(bytes.begin(), bytes.end(), frame.data);
        }
        std::unique_ptr<uint8_t[]> begin;
        const uint8_t* end;
        Frame frame;
    };

    void run(const Given& given) {
        const Bytes& bytes = given.bytes;
        Datapath& path = act_.worker(given.worker);
        running_ = &path;
        Block block(bytes);
        Frame& frame = block.frame;
        const uint64_t drops_before = drops_of(path);
        const Access* access = path.snapshot().access.get();
        all_barred_ = access != nullptr && access == rule_sets()[0].access.get();
        came_by_ = given.port;
        Job job{frame, {}};
        if (bytes.size() % 2 == 0) {
            path.handle(std::span(&job, 1), given.port, now_);
            frame = job.frame;
        } else {
            job.verdict = path.handle(frame, given.port, now_);
        }
        const Verdict verdict = job.verdict;

        must(frame.data >= block.begin.get());
        must(frame.data + frame.length <= block.end);
        must(drops_of(path) - drops_before >= (verdict.kind == Verdict::Kind::drop ? 1U : 0U));
        if (verdict.kind == Verdict::Kind::punt) {
            must(std::equal(bytes.begin(), bytes.end(), frame.data) &&
                 frame.length == bytes.size());
        } else if (verdict.kind == Verdict::Kind::forward) {
            leaves(ip_packet(frame), path.hop(verdict));
        }
        all_barred_ = false;
        act_.follow(now_);
    }

    void leaves(std::span<const uint8_t> ip_packet, const Hop& hop) {
        const auto packet = parse_packet(ip_packet, 0);
        must(packet.has_value());
        must(!all_barred_ || came_by_ > blue);
        const bool vip = tables()->is_moved(packet->source);
        if (hop.port <= blue) {
            const bool own_error =
                packet->icmp() && packet->source == config().lines[hop.port].address.address;
            must((vip || own_error) && path_.snapshot().line(hop.port) != LineState::disabled);
        } else {
            must(!vip || is_icmp_error(*packet));  // a server is told from the VIP
        }
    }

    void time() {
        now_ += Micros{in_.byte()} * Micros{in_.byte()} * ms;
        act_.follow(now_);
        for (uint32_t i = 0; i < act_.workers(); ++i) {
            Datapath& path = act_.worker(i);
            running_ = &path;
            path.tick(now_, [](const Flow&) {});
            owners_[i]->expire(now_);
            const FlowCounts& flows = path.flows().counts();
            must(flows.here + flows.relayed + flows.provisional + flows.closing ==
                 path.flows().size());
            uint64_t place = 0;
            while (const Flow* flow = path.flows().next(place)) {
                must(act_.workers() == 1 || owners_[i]->owner(flow->client()) == i);
            }
        }
    }

    // Anything, in any mode; a few of each at once.
    void disable_or_enable(uint8_t what) {
        const std::array<DisableTarget, 6> targets{{{Level::site, "old"},
                                                    {Level::site, "new"},
                                                    {Level::line, config().lines[0].carrier},
                                                    {Level::service, config().services[0].name},
                                                    {Level::server, "s1"},
                                                    {Level::server, "nobody"}}};
        const DisableTarget& target = targets[what % targets.size()];
        const uint8_t mode = in_.byte();
        if (mode % 4 == 3) {
            act_.state.enable(target, {});
            return;
        }
        DisableOrder order;
        order.mode = static_cast<DisableMode>(mode % 4);
        order.rate_per_s = 1.0 + what;
        order.icmp = mode >= 128;
        order.anyway = mode % 8 >= 4;
        act_.state.disable(target, order);
    }

    void operate() {
        const uint8_t what = in_.byte();
        if (what < 100) {
            const auto to = static_cast<LineState>(what / 3 % 3);
            to == LineState::draining ? act_.state.drain(what % 3, {}, now_)
                                      : set_line(act_.state, what % 3, to == LineState::enabled);
        } else if (what < 200) {
            act_.state.order(ShareOrder{{what % 4 * 3'333U, ShareBy::address_port}, {}});
        } else {
            disable_or_enable(what);
        }
        act_.follow(now_);
    }

    Input& in_;
    Micros now_ = 1'000'000;
    uint32_t sequence_ = 0;
    uint64_t counter_ = 0;  // of the peers' tags
    Act act_;
    Datapath& path_ = act_.path;  // the first worker's
    std::vector<std::unique_ptr<Ownership>> owners_;
    std::vector<Given> rings_;
    Datapath* running_ = &path_;  // whose packets come out now
    bool all_barred_ = false;     // while a packet is handled: rules drop everything
    PortIndex came_by_ = 0;       // that packet
};

}  // namespace

}  // namespace rehome::vipd::testing

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    rehome::vipd::testing::Input in({data, size});
    rehome::vipd::testing::Fuzz fuzz(in);
    while (!in.empty()) {
        fuzz.event();
    }
    return 0;
}
