// Parts of messages that also stand in a hand's files.  For sources that include json.hpp.
#pragma once

#include <nlohmann/json.hpp>

#include "cutover/hand/message.h"

namespace rehome::cutover {

nlohmann::ordered_json to_json(const Holder& holder);
nlohmann::ordered_json to_json(const Ending& ending);

// These throw nlohmann::json::exception where a member is missing or of another type.
Holder read_holder(const nlohmann::json& object);
Ending read_ending(const nlohmann::json& object);

}  // namespace rehome::cutover
