#include "lbsync/kernel/node.h"

#include <algorithm>

namespace rehome::lbsync::kernel {

namespace {

template <typename T>
const T* value_of(const Node& node, std::string_view name) {
    const Attribute* attribute = node.find(name);
    return attribute == nullptr ? nullptr : std::get_if<T>(&attribute->value);
}

}  // namespace

const Attribute* Node::find(std::string_view name) const {
    const auto found = std::find_if(attributes.begin(), attributes.end(),
                                    [&](const Attribute& it) { return it.name == name; });
    return found == attributes.end() ? nullptr : &*found;
}

uint64_t Node::number(std::string_view name, uint64_t fallback) const {
    const auto* value = value_of<uint64_t>(*this, name);
    return value == nullptr ? fallback : *value;
}

std::string Node::text(std::string_view name) const {
    const auto* value = value_of<std::string>(*this, name);
    return value == nullptr ? "" : *value;
}

Bytes Node::bytes(std::string_view name) const {
    const auto* value = value_of<Bytes>(*this, name);
    return value == nullptr ? Bytes{} : *value;
}

const Node* Node::node(std::string_view name) const {
    const auto& all = nodes(name);
    return all.empty() ? nullptr : &all.front();
}

const std::vector<Node>& Node::nodes(std::string_view name) const {
    static const std::vector<Node> none;
    const auto* value = value_of<std::vector<Node>>(*this, name);
    return value == nullptr ? none : *value;
}

}  // namespace rehome::lbsync::kernel
