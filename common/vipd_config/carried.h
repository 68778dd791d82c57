// Which keys of vipd's configuration lbsync carries from one site to another.
//
// The schema says so of each key, by "lbsync":
//
//   stays      it belongs to the gateway or its site, and may differ between sites
//   carried    it is policy on the VIPs: both sites must agree on it, and lbsync sees to that
//   whole      likewise, as a whole: it is a document of its own
//   doubted    it is policy that lbsync does not carry yet: where it stands, nothing is provable
//
// Below a key that is not carried nothing more is said.
#pragma once

#include <map>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace rehome::vipd {

// Each key that the schema knows and what it says of it; nothing is "".  The items of a list stand
// as "*": "/services/*/port".
std::map<std::string, std::string> carried_keys(const nlohmann::json& schema);

// JSON pointers of what the document holds and lbsync cannot carry: doubted keys, and those of
// which the schema says nothing.
std::vector<std::string> doubted_keys(const nlohmann::json& schema, const nlohmann::json& document);

}  // namespace rehome::vipd
