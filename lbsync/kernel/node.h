// A part of the kernel's rule set as the kernel told it: a group of attributes, known by name.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace rehome::lbsync::kernel {

using Bytes = std::vector<uint8_t>;

struct Attribute;

struct Node {
    std::string_view group;  // an expression's is its name; one of attributes.h's
    std::vector<Attribute> attributes;

    const Attribute* find(std::string_view name) const;  // null: it is not there

    // What stands there; the fallback where nothing or something else does.
    uint64_t number(std::string_view name, uint64_t fallback = 0) const;
    std::string text(std::string_view name) const;
    Bytes bytes(std::string_view name) const;
    const Node* node(std::string_view name) const;
    const std::vector<Node>& nodes(std::string_view name) const;

    bool operator==(const Node&) const = default;
};

struct Attribute {
    std::string_view name;
    // The last: a nested group or expression (one), or a list of them.
    std::variant<uint64_t, std::string, Bytes, std::vector<Node>> value;

    bool operator==(const Attribute&) const = default;
};

}  // namespace rehome::lbsync::kernel
