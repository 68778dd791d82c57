// The values of iptables' and ipset's options as numbers.
//
// What is no such value is told in words.  Pure; no state: names of ports and hosts, which another
// machine may read in another way, are refused.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "common/address.h"
#include "lbsync/policy/policy.h"

namespace rehome::lbsync::iptables {

template <typename T>
using Read = tl::expected<T, std::string>;

using policy::Span;
using Spans = std::vector<Span>;

// A value under a mask, as "VALUE/MASK" says it.
struct Masked {
    WideNumber value = 0;
    WideNumber mask = 0;
};

Read<uint64_t> number(std::string_view text, uint64_t highest);           // decimal or 0x...
Read<Span> range(std::string_view text, char between, uint64_t highest);  // "5", "5:9", ":9", "5:"
Read<Masked> masked(std::string_view text, uint64_t all);  // all: the mask when none is given

// "10.0.0.0/8", "10.0.0.0/255.0.255.0", "2001:db8::1".
Read<Masked> network(std::string_view text, Family family);
// "10.0.0.1-10.0.0.9", or a network whose mask is a prefix's.
Read<Span> addresses(std::string_view text, Family family);

// By number, or by the names that iptables and ipset print.
Read<uint8_t> protocol(std::string_view text);

Read<uint8_t> icmp_name(std::string_view text, Family family);  // a type, not a code

std::vector<std::string> split(std::string_view text, char between);

WideNumber all_ones(unsigned bits);

}  // namespace rehome::lbsync::iptables
