// What `lbsync read` prints, "rehome/lbsync-kernel/1": a host's rule sets by its kernel, nft's two
// forms of the same generation, and what the kernel makes of nft's text when it is loaded again.
//
// A later version may tell more under new keys, which one before passes over; what one before does
// not tell is not known.
//
// Schema: common/formats/lbsync-kernel.schema.json.  An expression is {"NAME": {ATTRIBUTE: ...}};
// bytes are hexadecimal digits.  What the far lbsync did not know stands in "unknown" beside it,
// and a name that this one does not know is unknown here.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "common/error.h"
#include "lbsync/iptables/told.h"
#include "lbsync/kernel/ruleset.h"
#include "lbsync/outside/told.h"

namespace rehome::lbsync::kernel {

struct HostRead {
    Ruleset ruleset;
    std::string text;  // nft -s -a list ruleset
    std::string json;  // nft -s -j list ruleset
    // nft's text, without the elements of named sets, loaded into an empty namespace of its own.
    Ruleset reloaded;
    // Rules whose text says something else than the kernel runs, in words that say it: "inet filter
    // input 7" -> "@nh,48,8 6 ...".  They stand in `reloaded` as these words become.
    std::map<std::string, std::string> raw;
    // Tables that could not be loaded there: "inet filter" -> why.
    std::map<std::string, std::string> not_reloaded;
    // What stands outside the rule sets; none: of a file of rules, or of a version before.
    std::optional<outside::Told> outside{};
    // What iptables and ipset print; likewise.
    std::optional<iptables::Told> iptables{};
};

nlohmann::ordered_json to_json(const Ruleset& ruleset);
nlohmann::ordered_json to_json(const HostRead& read);

// Errors (Exit::unknown): not of this form, with the pointer to what is wrong.
Result<HostRead> parse_host_read(std::string_view text, std::string_view where);

}  // namespace rehome::lbsync::kernel
