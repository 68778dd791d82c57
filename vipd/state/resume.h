// What vipd takes over when it starts: the orders of the run before, as far as they still hold.
//
// Orders belong to a gateway and a move.  Those of another one are set aside.  Those of this one
// hold at once, unless vipd was away for so long that the move may have ended meanwhile: then they
// wait to be confirmed before prefixes are announced (state.h).  A run that ended unconfirmed
// leaves that to the next one, however soon it comes.  Where nothing moves no move can have ended,
// and nothing waits.  An order that ends flows goes on with those that it meets, at least until
// there was none for 10 s.
#pragma once

#include <optional>
#include <string>

#include "common/vipd_config/config.h"
#include "vipd/state/orders.h"
#include "vipd/state/state.h"

namespace rehome::vipd {

// What stands in the file of orders ("rehome/vipd-orders/1").
struct Stored {
    std::string gateway;
    MoveConfig move;
    int64_t alive_at_us = 0;  // when vipd was last known to run; UTC
    bool confirmed = true;
    Orders orders;

    bool operator==(const Stored&) const = default;
};

// Why vipd begins as it does.
struct Resumed {
    Begin begin;
    std::optional<int64_t> away_s;  // nothing: it is the first run
    std::string aside;              // why the stored orders do not hold; empty: they do
};

Resumed resume(const Config& config, const Stored& stored, int64_t now_us);

// The file is there and cannot be read; it is that old.
Resumed resume_unreadable(const Config& config, int64_t written_at_us, int64_t now_us);

}  // namespace rehome::vipd
