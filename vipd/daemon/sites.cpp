// Orders about a site, which all gateways get alike, in the two steps of held_ready.h.  What is
// held ready is the request that a gateway alone would get (disabling.cpp): an order about one site
// leaves those about others as they are.
#include <nlohmann/json.hpp>

#include "common/clock.h"
#include "common/control_request.h"
#include "common/sha256.h"
#include "vipd/daemon/daemon.h"

namespace rehome::vipd {

using nlohmann::json;

// What is ordered, in short, and who else is to have it.
json Daemon::sites() const {
    return {{"digest", digest_text(sites_digest(state_.orders().disabled, tables()))},
            {"gateways", gateways()}};
}

void Daemon::prepare_sites(const json& request, const Reply& reply) {
    const json& order = request["order"];
    if (const auto free = prepared_sites_.is_free(monotonic_us()); !free) {
        reply.refuse(free.error());
        return;
    }
    if (request.contains("base") && request["base"] != sites()["digest"]) {
        reply.refuse("the orders were changed meanwhile, expected another try");
        return;
    }
    if (const std::string wrong = wrong_request("order", order); !wrong.empty()) {
        reply.refuse(wrong, Exit::usage);
        return;
    }
    if (const auto may = may_order(order); !may) {
        reply.refuse(may.error());
        return;
    }
    const uint64_t digest = short_sha256(order.dump());
    prepared_sites_.hold(std::make_shared<const json>(order), digest, reply.uid(), monotonic_us());
    reply.done({{"digest", digest_text(digest)}});
}

void Daemon::commit_sites(const json& request, const Reply& reply) {
    const std::string digest = request["digest"];
    const auto* ready = prepared_sites_.find(digest);
    if (ready == nullptr) {
        reply.refuse("this order is not held ready, expected sites-prepare before");
        return;
    }
    const auto order = *ready;
    prepared_sites_.drop(digest);
    take_order(*order, reply);
}

json Daemon::drop_sites(const json& request) {
    prepared_sites_.drop(request["digest"]);
    return {{"digest", sites()["digest"]}};
}

}  // namespace rehome::vipd
