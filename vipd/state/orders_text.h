// The file of orders ("rehome/vipd-orders/1", common/formats/vipd-orders.schema.json) from and to
// its text.
#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "common/error.h"
#include "vipd/state/resume.h"

namespace rehome::vipd {

std::string orders_text(const Stored& stored);

// Orders alone, each with "at" and "uid".  brief: of the rules of placement what they come to.
nlohmann::json orders_json(const Orders& orders, bool brief);

// As it is told, and stored: {"percent": 10, "by": "address"}.
nlohmann::json share_json(const Share& share);

// file: the name that stands in the errors.
Checked<Stored> parse_orders(std::string_view file, std::string_view text);

}  // namespace rehome::vipd
