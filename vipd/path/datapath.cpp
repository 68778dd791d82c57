#include "vipd/path/datapath.h"

#include "vipd/path/arrive.h"
#include "vipd/path/out.h"

namespace rehome::vipd {

Datapath::Datapath(std::shared_ptr<const Snapshot> snapshot, const Settings& settings)
    : snapshot_(std::move(snapshot)),
      hands_(settings),
      fast_(settings.ports.size()),
      ticker_(settings.worker, settings.workers, settings.salt,
              [this] { return hands_.flows.served(); }) {
    hands_.act_on(*snapshot_);
    hands_.take(*snapshot_);
    fast_.take(tables());
}

void Datapath::take(std::shared_ptr<const Snapshot> snapshot, Micros now) {
    const auto before = std::exchange(snapshot_, std::move(snapshot));
    hands_.act_on(*snapshot_);
    if (before->access != snapshot_->access) {
        hands_.act_on_access(before->access.get(), snapshot_->access.get());
    }
    if (before->tables != snapshot_->tables) {
        hands_.take(*snapshot_);
        fast_.take(tables());
    }
    ticker_.take(*before, view(now), hands_);
}

void Datapath::count_drop(Drop drop, const Bill& bill) {
    hands_.count(drop);
    if (bill.to == Bill::To::server && bill.service != Bill::no_service) {
        ++hands_.counters.services[bill.service].dropped;
    }
}

void Datapath::count_not_punted() {
    --hands_.counters.punted;
    hands_.count(Drop::twin_refused);
}

void Datapath::count_sent(const Bill& bill) {
    settle(hands_, bill);
}

Verdict Datapath::handle(Frame& frame, PortIndex port, Micros now) {
    return arrive(view(now), hands_, frame, port);
}

void Datapath::handle(std::span<Job> burst, PortIndex port, Micros now) {
    fast_.handle(view(now), hands_, burst, port);
}

Explained Datapath::explain(Frame& frame, PortIndex port, Micros now, Trace& trace) {
    return vipd::explain(view(now), hands_, frame, port, trace);
}

}  // namespace rehome::vipd
