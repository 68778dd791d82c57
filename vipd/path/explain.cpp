// The dry run: a scratch datapath that has a copy of what the packet can meet, handles it, and
// goes.
//
// A packet meets the flows of one client's address and port: of its source or of its destination,
// of what it carries in a tunnel or quotes, or of the flow whose source NAT port it is sent to.
#include "vipd/packet/icmp.h"
#include "vipd/path/datapath.h"

namespace rehome::vipd {

namespace {

constexpr uint32_t scratch_flows = 256;

}  // namespace

Datapath::Explained Datapath::explain(Frame& frame, PortIndex port, Micros now, Trace& trace) {
    Settings settings;
    settings.flows = {scratch_flows, scratch_flows};
    settings.ports = adjacencies_.ports();
    settings.fragments = {16, 16, 1U << 17, 4, 15'000'000, 2'000'000};
    Datapath scratch(snapshot_, settings);
    scratch.replace_routes(routes_);
    scratch.replace_neighbours(adjacencies_.neighbours());
    scratch.icmp_limit_ = icmp_limit_;
    scratch.generation_ = generation_;
    scratch.worker_ = worker_;
    scratch.source_nat_ = SourceNat(source_nat_.worker(), source_nat_.workers());
    scratch.source_nat_.copy_pools(source_nat_);
    scratch.find_plain_ports();
    scratch.copy_what_it_meets(*this, frame, classify(frame.bytes(), port, *tables_).packet, now);

    Explained explained;
    Sink sink;
    sink.emit = [&](std::span<const uint8_t> ip, uint32_t adjacency) {
        explained.emitted.push_back({{ip.begin(), ip.end()}, scratch.adjacencies_[adjacency]});
    };
    scratch.set_sink(sink);
    scratch.trace(&trace);
    explained.verdict = scratch.handle(frame, port, now);
    if (explained.verdict.way == Verdict::Way::forward) {
        explained.out = scratch.adjacencies_[explained.verdict.adjacency];
    }
    return explained;
}

void Datapath::copy_what_it_meets(Datapath& from, const Frame& frame, const Packet& packet,
                                  Micros now) {
    Endpoint source{packet.source, packet.source_port};
    Endpoint destination{packet.destination, packet.destination_port};
    if (packet.later_fragment()) {
        if (const auto* known = from.fragments_.find(packet)) {
            Packet first = packet;
            first.fragment_offset = 0;
            first.more_fragments = true;
            first.has_ports = true;
            first.source_port = source.port = known->source_port;
            first.destination_port = destination.port = known->destination_port;
            fragments_.learn(first, now, [](uint32_t, Drop) {});
        }
    }
    const ServiceTable* service = tables_->service(packet.protocol, destination);
    if (service != nullptr && service->config.pool) {
        source_nat_.copy_ports(from.source_nat_, *service->config.pool, packet.source,
                               packet.protocol);
    }
    copy_flows(from, packet.protocol, source);
    copy_flows(from, packet.protocol, destination);
    if (const auto quote = quoted_packet(frame, packet)) {
        copy_flows(from, quote->protocol, quote->source);
        copy_flows(from, quote->protocol, quote->destination);
    }
}

// The flows of that client, or of the one for which that end stands.
void Datapath::copy_flows(Datapath& from, uint8_t protocol, const Endpoint& end) {
    Endpoint client = end;
    if (const auto address = tables_->pool_address(end.address)) {
        const uint32_t id =
            from.source_nat_.find(protocol, {from.source_nat_.number(*address), end.port});
        const Flow* flow =
            id == FlowIndex::none ? nullptr : from.flows_.at(end.address.family == Family::v6, id);
        client = flow == nullptr ? end : flow->client();
    }
    from.flows_.of_client(protocol, client, [&](const Flow& flow) {
        if (flows_.find(flow.key()) != nullptr) {
            return;
        }
        const Flow* copy = flows_.copy(from.flows_, flow);
        if (copy != nullptr && copy->nat_port != 0) {
            source_nat_.keep(*copy, flows_.id(*copy));
        }
    });
}

}  // namespace rehome::vipd
