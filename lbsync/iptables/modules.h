// The matches and targets of iptables 1.8.9 (iptables-extensions(8)), and how many words each of
// their options takes.
//
// A word's meaning depends on what stands before it ("--comment -j" is a comment), so that the
// options of a module that is not listed here cannot be told from what follows them.
#pragma once

#include <optional>
#include <string_view>

namespace rehome::lbsync::iptables {

enum class ModuleKind { match, target };

bool known_module(ModuleKind kind, std::string_view name);

// The number of values of the option "--NAME"; none when the module has no such option.
std::optional<unsigned> option_values(ModuleKind kind, std::string_view module,
                                      std::string_view option);

// The match that -p loads by itself; empty when there is none.
std::string_view match_of_protocol(std::string_view protocol);

}  // namespace rehome::lbsync::iptables
