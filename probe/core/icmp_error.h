// ICMP errors in words (RFC 792, RFC 4443), for what a result says about unanswered probes.
#pragma once

#include <string>

#include "common/address.h"

namespace rehome::probe {

// "host unreachable"; "ICMP type 12 code 0" for those without a name here.
std::string icmp_error_text(Family family, uint8_t type, uint8_t code);

}  // namespace rehome::probe
