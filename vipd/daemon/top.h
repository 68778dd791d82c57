// The busiest clients, VIPs and servers, as vipctl asks for them.  Each request that says `fresh`
// takes what was counted and has the workers begin anew; counting ends when nobody asks any more.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "common/error.h"
#include "vipd/daemon/observers.h"
#include "vipd/packet/micros.h"
#include "vipd/state/tables.h"

namespace rehome::vipd {

class Busiest {
public:
    explicit Busiest(Observers& observers) : observers_(observers) {}

    // The answer to a request of the control socket.
    Result<nlohmann::json> answer(const nlohmann::json& request, const Tables& tables);

    void stop_unasked(Micros now);

private:
    Result<> begin_anew(bool stop, Micros now);

    Observers& observers_;
    Observers::Tops tops_;  // one a worker; empty: nobody asks
    Micros since_ = 0, until_ = 0;
};

}  // namespace rehome::vipd
