#include "lbsync/kernel/decode.h"

#include <libmnl/libmnl.h>

#include <algorithm>

#include <fmt/format.h>

#include "lbsync/kernel/attributes.h"

namespace rehome::lbsync::kernel {

namespace {

using Span = std::span<const std::byte>;

// Deeper than anything that the kernel nests: an element's expression's data's verdict.
constexpr int deepest = 12;

// The numbers of an expression's two attributes, and that of a list's entries.
constexpr uint16_t expression_name = 1;
constexpr uint16_t expression_data = 2;

uint64_t big_endian(Span bytes) {
    uint64_t number = 0;
    for (const std::byte byte : bytes) {
        number = number << 8 | std::to_integer<uint64_t>(byte);
    }
    return number;
}

Bytes to_bytes(Span span) {
    Bytes bytes(span.size());
    std::transform(span.begin(), span.end(), bytes.begin(),
                   [](std::byte byte) { return std::to_integer<uint8_t>(byte); });
    return bytes;
}

class Decoder {
public:
    Node group(std::string_view name, Span bytes) {
        Node node;
        const Group* group = depth_ < deepest ? find_group(name) : nullptr;
        if (group == nullptr) {
            unknown(fmt::format("group {}", name));
            return node;
        }
        node.group = group->name;
        ++depth_;
        each(bytes, group->name,
             [&](uint16_t number, Span content) { attribute(*group, number, content, node); });
        --depth_;
        return node;
    }

    std::vector<std::string> take() { return std::move(unknown_); }

private:
    // Calls for each attribute; what does not fit into the bytes is told.
    template <typename Call>
    void each(Span bytes, std::string_view where, Call call) {
        while (bytes.size() >= MNL_ATTR_HDRLEN) {
            const auto* head = reinterpret_cast<const nlattr*>(bytes.data());
            if (!mnl_attr_ok(head, static_cast<int>(bytes.size()))) {
                break;
            }
            call(mnl_attr_get_type(head),
                 bytes.subspan(MNL_ATTR_HDRLEN, mnl_attr_get_payload_len(head)));
            const size_t length = MNL_ALIGN(mnl_attr_get_len(head));
            bytes = bytes.subspan(std::min(length, bytes.size()));
        }
        if (!bytes.empty()) {
            unknown(fmt::format("{}: attributes that are cut short", where));
        }
    }

    void unknown(std::string what) {
        if (std::find(unknown_.begin(), unknown_.end(), what) == unknown_.end()) {
            unknown_.push_back(std::move(what));
        }
    }

    void attribute(const Group& group, uint16_t number, Span content, Node& node) {
        const Known* known = find_attribute(group, number);
        if (known == nullptr || known->kind == Kind::none) {
            unknown(fmt::format("{}: attribute {}", group.name, number));
        } else if (node.find(known->name) != nullptr) {
            unknown(fmt::format("{}: {} twice", group.name, known->name));
        } else {
            value(group, *known, content, node);
        }
    }

    void value(const Group& group, const Known& known, Span content, Node& node) {
        const auto keep = [&](auto value) {
            Attribute& added = node.attributes.emplace_back();
            added.name = known.name;
            added.value = std::move(value);
        };
        switch (known.kind) {
            case Kind::number:
                return content.size() <= sizeof(uint64_t) && !content.empty()
                           ? keep(big_endian(content))
                           : unknown(fmt::format("{}: {} of {} bytes", group.name, known.name,
                                                 content.size()));
            case Kind::text:
                return keep(text(content));
            case Kind::bytes:
                return keep(to_bytes(content));
            case Kind::group:
                return keep(std::vector{this->group(known.group, content)});
            case Kind::list:
                return keep(list(known, content));
            case Kind::expression:
                return keep(std::vector{expression(content)});
            case Kind::expressions:
                return keep(expressions(content));
            case Kind::object:
                return keep(std::vector{object(node.number("type"), content)});
            default:
                return;
        }
    }

    static std::string text(Span content) {
        const auto end = std::find(content.begin(), content.end(), std::byte{0});
        std::string result;
        std::transform(content.begin(), end, std::back_inserter(result),
                       [](std::byte byte) { return static_cast<char>(byte); });
        return result;
    }

    // A list of devices has no groups around its names.
    std::vector<Node> list(const Known& known, Span content) {
        const bool bare = known.group == "device";
        std::vector<Node> all;
        each(content, known.name, [&](uint16_t number, Span entry) {
            all.push_back(bare ? bare_entry(known.group, number, entry)
                               : group(known.group, entry));
        });
        return all;
    }

    Node bare_entry(std::string_view name, uint16_t number, Span content) {
        const Group& group = *find_group(name);
        Node node{group.name, {}};
        attribute(group, number, content, node);
        return node;
    }

    std::vector<Node> expressions(Span content) {
        std::vector<Node> all;
        each(content, "expressions",
             [&](uint16_t, Span entry) { all.push_back(expression(entry)); });
        return all;
    }

    Node expression(Span content) {
        std::string name;
        Span data;
        each(content, "expression", [&](uint16_t number, Span part) {
            if (number == expression_name) {
                name = text(part);
            } else if (number == expression_data) {
                data = part;
            } else {
                unknown(fmt::format("expression: attribute {}", number));
            }
        });
        if (find_group(name) == nullptr) {
            unknown(fmt::format("expression {}", name));
            return {};
        }
        return group(name, data);
    }

    Node object(uint64_t type, Span content) {
        const std::string_view name = object_group(type);
        if (name.empty()) {
            unknown(fmt::format("object of type {}", type));
            return {};
        }
        return group(name, content);
    }

    std::vector<std::string> unknown_;
    int depth_ = 0;
};

}  // namespace

Decoded decode(std::string_view group, Span attributes) {
    Decoder decoder;
    Decoded result;
    result.node = decoder.group(group, attributes);
    result.unknown = decoder.take();
    return result;
}

}  // namespace rehome::lbsync::kernel
