// Bytes of a rule as fields of the policy model: which field of a packet each of them is of.
//
// Numbers of the host itself (marks, connection states) lie in its own byte order until a rule
// turns them round; addresses that are compared in part become prefixes, interfaces' numbers names.
// What has no such form is refused in words.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "lbsync/kernel/normal_rule.h"
#include "lbsync/policy/interval.h"
#include "lbsync/policy/policy.h"

namespace rehome::lbsync::kernel {

template <typename T = void>
using Understood = tl::expected<T, std::string>;

// What is known where a rule stands.
struct Context {
    const Ruleset* host = nullptr;  // its interfaces
    // Of the network header's bytes: ip4, ip6 or arp; none: not known.
    std::optional<policy::Field::Source> network{};
};

// How the values that a field is compared with are meant.
enum class Meant : uint8_t { number, address4, address6, name, index };

// Bytes first .. first+count of a word, as (the field & mask) ^ flip.
struct Piece {
    policy::Field field;
    WideNumber mask = 0;
    WideNumber flip = 0;
    size_t first = 0;
    size_t count = 0;
    bool little = false;   // the byte with the lowest place comes first
    unsigned missing = 0;  // low bits of the field that the bytes leave open
    Meant meant = Meant::number;
};

// The header or option that an expression looks into: "tcp option maxseg", "ip6 frag".
std::string header_name(const Node& exthdr);

// TCP's option of the maximum segment size: the one whose value rules change on the way.
inline constexpr std::string_view segment_size = "tcp option maxseg";
bool is_segment_size(const Node& exthdr);

// In the order of their bytes; constants between them stand in none.
Understood<std::vector<Piece>> pieces(const Word& word, const std::vector<Source>& sources,
                                      const Context& context);

// The values from..to of a piece's bytes, and with what it leaves open.
Understood<policy::Span> span(const Piece& piece, const Bytes& from, const Bytes& to,
                              const Context& context);

// The term that such spans are of.
policy::Term term(const Piece& piece);

}  // namespace rehome::lbsync::kernel
