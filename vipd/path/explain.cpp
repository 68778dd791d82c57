// A packet meets the flows of one client's address and port: of its source or of its destination,
// of what it carries in a tunnel or quotes, or of the flow whose source NAT port it is sent to.
#include "vipd/path/explain.h"

#include "vipd/packet/icmp.h"
#include "vipd/packet/rewrite.h"
#include "vipd/path/arrive.h"
#include "vipd/path/classify.h"
#include "vipd/path/tunnel_error.h"

namespace rehome::vipd {

namespace {

Hands::Settings scratch_of(const Hands& hands) {
    constexpr uint32_t flows = 256;
    Hands::Settings settings;
    settings.flows = {flows, flows};
    settings.ports = hands.routing.adjacencies().ports();
    for (PortLink& link : settings.ports) {
        link.own_mac_only = false;  // who asks about a packet says nothing of MAC addresses
    }
    settings.fragments = {16, 16, 1U << 17, 4, 15'000'000, 2'000'000};
    settings.worker = hands.source_nat.worker();
    settings.workers = hands.source_nat.workers();
    settings.punt = std::make_shared<Punt>(*hands.punt);
    return settings;
}

// The flows of that client, or of the one for which that end stands towards the other.
void copy_flows(Hands& from, Hands& to, uint8_t protocol, const Endpoint& end,
                const Endpoint& other) {
    const Flow* seen = from.source_nat.find(protocol, other, end);
    const Endpoint client = seen == nullptr ? end : seen->client();
    from.flows.of_client(protocol, client, [&](const Flow& flow) {
        if (to.flows.find(flow.key()) != nullptr) {
            return;
        }
        const Flow* copy = to.flows.copy(from.flows, flow);
        if (copy != nullptr && copy->nat_port != 0) {
            to.source_nat.keep(*copy);
        }
    });
}

void copy_what_it_meets(const View& view, Hands& from, Hands& to, const Frame& frame,
                        const Packet& packet) {
    Endpoint source{packet.source, packet.source_port};
    Endpoint destination{packet.destination, packet.destination_port};
    if (const auto* known = packet.fragment ? from.fragments.peek(packet) : nullptr) {
        Packet first = packet;
        first.fragment_offset = 0;
        first.more_fragments = true;
        first.has_ports = true;
        first.protocol = known->protocol;
        first.source_port = known->source_port;
        first.destination_port = known->destination_port;
        first.icmp_type = known->echo ? echo_request(packet.family) : uint8_t{0};
        to.fragments.learn(first, view.now, [](std::span<const uint8_t>, uint32_t, Drop) {});
        if (packet.later_fragment()) {
            source.port = known->source_port;
            destination.port = known->destination_port;
        }
    }
    const ServiceTable* service = view.tables.service(packet.protocol, destination);
    copy_flows(from, to, packet.protocol, source, destination);
    copy_flows(from, to, packet.protocol, destination, source);
    if (service != nullptr && service->has_live_server()) {
        const Endpoint server = choose_server(*service, source).server.endpoint();
        // By which another one may be known there already.
        copy_flows(from, to, packet.protocol, source, server);
        if (service->config->pool) {
            to.source_nat.copy_ports(from.source_nat, *service->config->pool, packet.protocol,
                                     server);
        }
    }
    if (const auto quote = quoted_packet(frame, packet)) {
        copy_flows(from, to, quote->protocol, quote->source, quote->destination);
        copy_flows(from, to, quote->protocol, quote->destination, quote->source);
    }
    if (const auto about = quoted_tunnel(frame, packet, view.tables); about && about->client()) {
        copy_flows(from, to, about->inner->protocol, *about->client(), {});
    }
}

// What the hands hold that packets may meet; their flows are copied for each.
class Scratch {
public:
    Scratch(const View& view, Hands& hands) : view_(view), hands_(hands), own_(scratch_of(hands)) {
        own_.take(view.snapshot);
        own_.routing.take(hands.routing.routes());
        own_.routing.take(hands.routing.adjacencies().neighbours());
        own_.routing.adjacencies().learn_failed(hands.routing.adjacencies());
        own_.icmp_limit = hands.icmp_limit;
        own_.answers = hands.answers;
        own_.tags = hands.tags;
        own_.questions = hands.questions;
        own_.path_mtus = hands.path_mtus;
        own_.links = hands.links;
        own_.source_nat.pick_as(hands.source_nat);
        if (hands.flows.sweeping()) {
            own_.flows.begin_sweep();  // who was not looked at yet is looked at, and is the same
        }
    }

    Explained run(Frame& frame, PortIndex port, Trace& trace) {
        copy_what_it_meets(view_, hands_, own_, frame,
                           classify(frame.bytes(), port, view_.tables).packet);
        Explained explained;
        own_.sink.emit = [&](std::span<const uint8_t> ip, uint32_t adjacency) {
            explained.emitted.push_back({{ip.begin(), ip.end()}, own_.routing[adjacency]});
        };
        own_.trace = &trace;
        explained.verdict = arrive(view_, own_, frame, port);
        own_.sink.emit = Sink().emit;
        own_.trace = nullptr;
        const Verdict::Kind kind = explained.verdict.kind;
        if (kind == Verdict::Kind::forward || kind == Verdict::Kind::wait) {
            explained.out = own_.routing[explained.verdict.adjacency];
        }
        return explained;
    }

private:
    const View& view_;
    Hands& hands_;
    Hands own_;
};

}  // namespace

Explained explain(const View& view, Hands& hands, Frame& frame, PortIndex port, Trace& trace) {
    return Scratch(view, hands).run(frame, port, trace);
}

ExplainedBoth explain_both(const View& view, Hands& hands, Rehearsed& first, Trace& trace,
                           const std::function<Rehearsed*(const Explained&)>& answer,
                           Trace& answer_trace) {
    Scratch scratch(view, hands);
    ExplainedBoth both{scratch.run(first.frame, first.port, trace), std::nullopt};
    if (Rehearsed* back = answer(both.first)) {
        both.answer = scratch.run(back->frame, back->port, answer_trace);
    }
    return both;
}

}  // namespace rehome::vipd
