// What of the kernel's rule sets (nf_tables over netlink) is known: every attribute of every group.
//
// Numbers are those of linux/netfilter/nf_tables.h, where a group's attributes count from 1; so the
// place in a group's list is the attribute's number.  What does not stand here is newer than this
// program, and what it does to a packet is not provable.
//
// An expression has a group of its name.  Counters, handles and times that run are state and no
// policy: known, and left out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace rehome::lbsync::kernel {

enum class Kind : uint8_t {
    none,         // the kernel has no such attribute in what it tells
    number,       // 1, 2, 4 or 8 bytes, big endian
    text,         // ends in a zero
    bytes,        // as they lie in a register, or for programs' own use
    group,        // attributes of the group named
    list,         // of groups of that name, each in an attribute of any number
    expression,   // a name, and the group of that name
    expressions,  // a list of them
    object,       // a named object's group, which the object's type names
    state,        // not policy
};

struct Known {
    std::string_view name;
    Kind kind = Kind::number;
    std::string_view group{};
};

// Null: there is no such group.
struct Group {
    std::string_view name;
    std::span<const Known> attributes;
};
const Group* find_group(std::string_view name);

// Null: unknown.
const Known* find_attribute(const Group& group, uint16_t number);
const Known* find_attribute(const Group& group, std::string_view name);

// The group of a named object's data (NFT_OBJECT_*); empty: unknown.
std::string_view object_group(uint64_t type);

}  // namespace rehome::lbsync::kernel
