// See reflection.h.
#include "probe/core/reflection.h"

#include <algorithm>

namespace rehome::probe {

std::string_view name(Reflection reflection) {
    switch (reflection) {
        case Reflection::answered:
            return "answered";
        case Reflection::truncated:
            return "truncated";
        case Reflection::from_reflector:
            return "from_reflector";
        case Reflection::not_to_us:
            return "not_to_us";
        case Reflection::over_rate:
            return "over_rate";
        case Reflection::not_sent:
            return "not_sent";
    }
    return "";
}

RateLimit::RateLimit(double rate_pps)
    : rate_pps_(rate_pps), most_(std::max(1.0, rate_pps / 10)), tokens_(most_) {}

bool RateLimit::take(Nanos now) {
    const double elapsed_s = started_ ? static_cast<double>(now - last_) / 1e9 : 0;
    started_ = true;
    last_ = now;
    tokens_ = std::min(most_, tokens_ + elapsed_s * rate_pps_);
    if (tokens_ < 1) {
        return false;
    }
    tokens_ -= 1;
    return true;
}

Reflection Reflector::judge(const Received& received, Nanos monotonic) {
    if (received.cut || !deconstruct_request(received.message)) {
        return Reflection::truncated;
    }
    // An answer to a reflector's port would be reflected again, for ever.
    if (received.source_port == own_port_ || received.source_port == stamp_port ||
        received.source_port == 0) {
        return Reflection::from_reflector;
    }
    if (!received.to_our_address) {
        return Reflection::not_to_us;
    }
    return limit_.take(monotonic) ? Reflection::answered : Reflection::over_rate;
}

Reflection Reflector::decide(const Received& received, Nanos monotonic) {
    const Reflection reflection = judge(received, monotonic);
    ++counters_.at(static_cast<size_t>(reflection));
    return reflection;
}

void Reflector::count_send_failure() {
    --counters_.at(static_cast<size_t>(Reflection::answered));
    ++counters_.at(static_cast<size_t>(Reflection::not_sent));
}

size_t Reflector::construct(const Received& received, Nanos now, Room room) const {
    const Reflecting own{
        .received = ntp_of(received.at), .sent = ntp_of(now), .error = error_, .ttl = received.ttl};
    return construct_reply(received.message, own, room).value_or(0);
}

}  // namespace rehome::probe
