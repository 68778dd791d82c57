#include "vipd/adapter/outbox.h"

#include <iterator>
#include <utility>

namespace rehome::vipd {

namespace {

constexpr size_t most = 256;  // of each kind that peers may flood

template <typename T>
void keep(std::vector<T>& list, T one) {
    if (list.size() < most) {
        list.push_back(std::move(one));
    }
}

template <typename T>
void move_all(std::vector<T>& from, std::vector<T>& to) {
    std::move(from.begin(), from.end(), std::back_inserter(to));
    from.clear();
}

// All of it, or none where so much waits that nobody seems to take it.
template <typename T>
void move_some(std::vector<T>& from, std::vector<T>& to) {
    if (to.size() < most) {
        move_all(from, to);
    }
    from.clear();
}

}  // namespace

Left Outbox::take() {
    event_.drain();
    const std::lock_guard lock(mutex_);
    return std::exchange(left_, {});
}

void Outbox::listen(Sink& sink) {
    sink.heard = [this](size_t peer, const Keepalive& keepalive, Micros at) {
        keep(mine_.heard, {peer, keepalive, at});
    };
    sink.handshake = [this](size_t peer, const Handshake& handshake, Micros at) {
        keep(mine_.handshakes, {peer, handshake, at});
    };
    sink.services = [this](size_t peer, const ServicesPage& page) {
        keep(mine_.services, {peer, page});
    };
    sink.known_flows = [this](size_t peer, const FlowsPage& page) {
        keep(mine_.flows, {peer, page});
    };
    sink.link_size = [this](size_t peer, uint16_t mtu, Micros asked) {
        keep(mine_.sized, {peer, mtu, false, asked});
    };
    sink.told_mtu = [this](size_t peer, uint16_t mtu, Micros at) {
        keep(mine_.sized, {peer, mtu, true, at});
    };
}

void Outbox::hand_over(std::vector<Hop> wanted) {
    if (wanted.empty() && mine_.empty()) {
        return;
    }
    {
        const std::lock_guard lock(mutex_);
        move_all(wanted, left_.wanted);
        move_all(mine_.resets, left_.resets);
        move_some(mine_.heard, left_.heard);
        move_some(mine_.handshakes, left_.handshakes);
        move_some(mine_.sized, left_.sized);
        move_some(mine_.flows, left_.flows);
        move_some(mine_.services, left_.services);
    }
    event_.signal();
}

}  // namespace rehome::vipd
