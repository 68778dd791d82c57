// A rule in words that say what the kernel runs, where nft's own words say something else.
//
// nft leaves out of its text what a field implies, and implies on loading what the kernel's rule
// may never have had.  Raw payload ("@nh,48,8 6") implies nothing: a rule's tests of headers are
// written so, while addresses stay as they are, so that they can be mapped.  Whether the words are
// right is for the kernel to say, which loads them.
#pragma once

#include <optional>
#include <string>

#include "lbsync/kernel/normal_rule.h"
#include "lbsync/nft/model.h"

namespace rehome::lbsync::kernel {

// read: as nft's text has it.  None: there are no such words.
std::optional<lbsync::Rule> raw_rule(const lbsync::Rule& read, const NormalRule& runs);

// Null: it is not there.
lbsync::Rule* find_rule(lbsync::Ruleset& ruleset, const Table& table, const Chain& chain,
                        uint64_t handle);

// "inet filter input 7": what HostRead::raw calls a rule.
std::string raw_name(const Table& table, const Chain& chain, uint64_t handle);

}  // namespace rehome::lbsync::kernel
