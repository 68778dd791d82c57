// Changes of the rules of placement (rehome/vipd-placement/1): what the operator says in one order,
// put into the document that all gateways have.  Whether it is right is vipd's to judge.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "common/error.h"

namespace rehome::vipctl {

// service: empty stands for all.  A site "none" takes away.

// One range of a set: CLIENTS SITE.  False: there was none to take away.
bool edit_range(nlohmann::json& rules, const std::string& service, const std::string& clients,
                const std::string& site);
// The whole set, a range a line; empty: none is left.
void edit_set(nlohmann::json& rules, const std::string& service,
              const std::vector<std::string>& ranges);
// {"new": 10, "old": 90}; null: no weights.  False: there were none to take away.
bool edit_weights(nlohmann::json& rules, const std::string& service, const std::string& by,
                  const nlohmann::json& sites);
// Empty: there is no such list any more.  False: there was none.
bool edit_list(nlohmann::json& rules, const std::string& name,
               const std::vector<std::string>& clients);

// Access (rehome/vipd-access/1).

// A rule before all others by which these clients (a prefix or a list) are accepted, to a service
// or ("") to all, once.
void add_accepted(nlohmann::json& document, const std::string& clients, const std::string& service);
// Takes it away.  False: there was none.
bool drop_accepted(nlohmann::json& document, const std::string& clients,
                   const std::string& service);

// One limit: what is "clients", "except:CLIENTS", "service:NAME" or "vip:ADDRESS"; rate a number,
// "none", or, of except, "unlimited".  options: burst, ipv4_length, ipv6_length.
Result<> edit_limit(nlohmann::json& document, const std::string& what, const std::string& rate,
                    const nlohmann::json& options);
// The lists that a document names and does not hold.
std::set<std::string> lists_missing(const nlohmann::json& document);

// "new=10,old=90" as an object.
Result<nlohmann::json> parse_weights(std::string_view text);
// What stands on each line of a text, without comments (#) and what is empty; words are parted by
// one space.
std::vector<std::string> lines_of(std::string_view text);

}  // namespace rehome::vipctl
