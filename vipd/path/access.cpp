#include "vipd/path/access.h"

#include "vipd/path/note.h"

namespace rehome::vipd {

namespace {

constexpr size_t at_once = 256;
constexpr uint64_t places_at_once = 4096;  // a millisecond's

uint16_t port_of(uint8_t protocol, uint16_t port) {
    const bool has = protocol == static_cast<uint8_t>(Protocol::tcp) ||
                     protocol == static_cast<uint8_t>(Protocol::udp);
    return has ? port : uint16_t{0};
}

// Flows whose rules are found together.
class Batch {
public:
    bool full() const { return count_[0] == at_once || count_[1] == at_once; }
    void add(Flow& flow) {
        const size_t family = flow.v6 ? 1 : 0;
        size_t& count = count_[family];
        const FlowKey key = flow.key();
        const auto set = [&](auto& made) {
            made.set(key.protocol, key.client.address.bytes.data(), key.vip.address.bytes.data(),
                     key.vip.port);
        };
        flow.v6 ? set(v6_[count]) : set(v4_[count]);
        flows_[family][count++] = &flow;
    }
    // Calls dropped(flow, rule) for each that the rules drop; none is left.
    template <typename Dropped>
    void look(const Access& access, Dropped dropped) {
        std::array<uint32_t, at_once> rules;
        for (size_t family = 0; family < 2; ++family) {
            family == 0 ? access.classifier->find(std::span(v4_).first(count_[0]), rules.data())
                        : access.classifier->find(std::span(v6_).first(count_[1]), rules.data());
            for (size_t i = 0; i < count_[family]; ++i) {
                if (access.drops(rules[i])) {
                    dropped(*flows_[family][i], rules[i]);
                }
            }
            count_[family] = 0;
        }
    }

private:
    std::array<AccessKeyV4, at_once> v4_;
    std::array<AccessKeyV6, at_once> v6_;
    std::array<std::array<Flow*, at_once>, 2> flows_;
    std::array<size_t, 2> count_{};
};

// Whether rules meet the flow where no packet of it comes.
bool ours(const Flow& flow) {
    return !flow.barred && !flow.back_by_tunnel;
}

}  // namespace

FlowKey ends_of_client(const Frame& frame, const Packet& packet) {
    if (packet.icmp()) {
        if (const auto quote = quoted_packet(frame, packet)) {
            return {quote->protocol,
                    quote->destination,
                    {quote->source.address, port_of(quote->protocol, quote->source.port)}};
        }
    }
    return {packet.protocol,
            {packet.source, packet.source_port},
            {packet.destination, port_of(packet.protocol, packet.destination_port)}};
}

FlowKey ends_of_reply(const Frame& frame, const Packet& packet) {
    if (packet.icmp()) {
        if (const auto quote = quoted_packet(frame, packet)) {
            return {
                quote->protocol,
                quote->source,
                {quote->destination.address, port_of(quote->protocol, quote->destination.port)}};
        }
    }
    return {packet.protocol,
            {packet.destination, packet.destination_port},
            {packet.source, port_of(packet.protocol, packet.source_port)}};
}

bool barred(const View& view, Hands& hands, const FlowKey& ends, Flow* flow, bool by_line) {
    const Access* access = view.snapshot.access.get();
    if (access == nullptr) {
        if (flow != nullptr) {
            flow->barred = false;
        }
        return false;
    }
    const bool others = flow != nullptr && flow->back_by_tunnel && !by_line;  // as ours() has it
    const bool accepted = flow != nullptr && !flow->barred && hands.flows.swept(*flow) &&
                          !(by_line && flow->back_by_tunnel);
    if (others) {
        flow->barred = false;  // it may have been while the peer was away
        return false;
    }
    if (accepted) {
        return false;
    }
    const uint32_t rule = decides(*access, ends);
    const bool drops = access->drops(rule);
    count_rule(hands, *access, rule);
    note(hands, "access", "{}: {}", access->rules->name_of(rule), drops ? "drop" : "accept");
    if (flow != nullptr) {
        hands.counters.barred_flows += drops && !flow->barred ? 1U : 0U;
        flow->barred = drops;
    }
    return drops;
}

bool barred_answer(const View& view, Hands& hands, const FlowKey& ends, Flow* flow,
                   const WayBack& back, bool ours) {
    const auto out = view.snapshot.way_out(back, ours);
    return barred(view, hands, ends, flow, out && out->via == WayBack::Via::line);
}

bool barred_by_line(const View& view, Hands& hands, const Frame& frame, const Packet& packet) {
    const FlowKey ends = ends_of_client(frame, packet);
    return barred(view, hands, ends, hands.flows.find(ends), true);
}

void sweep(const View& view, Hands& hands) {
    if (!hands.flows.sweeping()) {
        return;
    }
    const Access* access = view.snapshot.access.get();
    if (access == nullptr) {
        hands.flows.end_sweep();
        return;
    }
    Batch batch;
    const auto look = [&] {
        batch.look(*access, [&](Flow& flow, uint32_t rule) {
            count_rule(hands, *access, rule);
            ++hands.counters.barred_flows;
            flow.barred = true;
        });
    };
    const uint64_t until = hands.flows.swept_up_to() + places_at_once;
    while (Flow* flow = hands.flows.sweep(until)) {
        if (ours(*flow)) {
            batch.add(*flow);
        }
        if (batch.full()) {
            look();
        }
    }
    look();
}

bool would_bar(const Access& access, FlowTable& flows, uint64_t& place, uint64_t until,
               uint64_t& count) {
    Batch batch;
    const auto look = [&] { batch.look(access, [&](Flow&, uint32_t) { ++count; }); };
    Flow* flow = nullptr;
    while ((flow = flows.next(place, until)) != nullptr) {
        if (ours(*flow)) {
            batch.add(*flow);
        }
        if (batch.full()) {
            look();
        }
    }
    look();
    return place >= until;
}

}  // namespace rehome::vipd
