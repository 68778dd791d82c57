// vipctl weak --wait: an order to end flows, followed to its end at each gateway that has it.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "common/error.h"
#include "vipctl/gateways.h"

namespace rehome::vipctl {

// Looks at each gateway's status until the order's flows have ended there, with progress on a
// terminal, and puts the order as it ended in place of each answer's "disabled".  That takes as
// long as there are flows; what bounds it is progress.
// Exit::no: another order has taken its place somewhere.  Exit::world: somewhere nothing moved, or
// nobody answered, for 30 s, so that nobody can tell.  The others have been followed to their end
// then, and the error names both.
Result<> follow_to_end(const std::string& socket, std::vector<Answered>& at);

}  // namespace rehome::vipctl
