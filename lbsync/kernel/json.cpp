#include "lbsync/kernel/json.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "lbsync/kernel/attributes.h"
#include "lbsync/nft/words.h"

namespace rehome::lbsync::kernel {

namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr std::string_view schema_name = "rehome/lbsync-kernel/1";

ordered_json to_json(const Node& node);

std::string hex(const Bytes& bytes) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string text;
    text.reserve(bytes.size() * 2);
    for (const uint8_t byte : bytes) {
        text += digits[byte >> 4];
        text += digits[byte & 15];
    }
    return text;
}

bool is_named(Kind kind) {
    return kind == Kind::expression || kind == Kind::expressions || kind == Kind::object;
}

ordered_json nodes_to_json(const Known& known, const std::vector<Node>& nodes) {
    ordered_json all = ordered_json::array();
    for (const Node& node : nodes) {
        ordered_json one = to_json(node);
        all.push_back(is_named(known.kind) ? ordered_json{{std::string(node.group), std::move(one)}}
                                           : std::move(one));
    }
    const bool list = known.kind == Kind::list || known.kind == Kind::expressions;
    return list ? all : all.empty() ? ordered_json::object() : all.front();
}

ordered_json to_json(const Node& node) {
    ordered_json object = ordered_json::object();
    const Group* group = find_group(node.group);
    for (const Attribute& attribute : node.attributes) {
        const Known* known = group == nullptr ? nullptr : find_attribute(*group, attribute.name);
        if (known == nullptr) {
            continue;
        }
        ordered_json& value = object[std::string(attribute.name)];
        if (const auto* number = std::get_if<uint64_t>(&attribute.value)) {
            value = *number;
        } else if (const auto* words = std::get_if<std::string>(&attribute.value)) {
            value = *words;
        } else if (const auto* bytes = std::get_if<Bytes>(&attribute.value)) {
            value = hex(*bytes);
        } else {
            value = nodes_to_json(*known, std::get<std::vector<Node>>(attribute.value));
        }
    }
    return object;
}

ordered_json to_json(const Part& part) {
    ordered_json object = to_json(part.node);
    if (!part.unknown.empty()) {
        object["unknown"] = part.unknown;
    }
    return object;
}

template <typename List>
ordered_json list_of(const List& list, ordered_json (*one)(const typename List::value_type&)) {
    ordered_json all = ordered_json::array();
    for (const auto& item : list) {
        all.push_back(one(item));
    }
    return all;
}

ordered_json to_json(const Chain& chain) {
    ordered_json object = to_json(chain.self);
    object["rules"] = list_of(chain.rules, to_json);
    return object;
}

ordered_json to_json(const Set& set) {
    ordered_json object = to_json(set.self);
    object["elements"] = list_of(set.elements, to_json);
    return object;
}

ordered_json to_json(const Table& table) {
    ordered_json object = {{"family", table.family}};
    object.update(to_json(table.self));
    object["chains"] = list_of(table.chains, to_json);
    object["sets"] = list_of(table.sets, to_json);
    object["objects"] = list_of(table.objects, to_json);
    object["flowtables"] = list_of(table.flowtables, to_json);
    return object;
}

ordered_json to_json(const HookOrder& order) {
    ordered_json chains = ordered_json::array();
    for (const HookedChain& it : order.chains) {
        chains.push_back({{"family", it.family}, {"table", it.table}, {"chain", it.chain}});
    }
    return {{"family", order.family},
            {"hook", order.hook},
            {"device", order.device},
            {"chains", std::move(chains)}};
}

// Reads values of a document, and remembers the first that is not of its form.
class Parser {
public:
    explicit Parser(std::string_view where) : where_(where) {}

    std::optional<Error> take() { return std::move(error_); }

    HostRead host(const json& document) {
        HostRead read;
        read.ruleset = ruleset(document);
        read.text = text(document, "text");
        read.json = text(document, "json");
        const json& reloaded = at(document, "reloaded", json::value_t::object);
        read.reloaded = ruleset(reloaded);
        read.not_reloaded = words_by_name(reloaded, "not_reloaded");
        read.raw = words_by_name(reloaded, "raw");
        if (document.is_object() && document.contains("outside")) {
            const json& outside = at(document, "outside", json::value_t::object);
            read.outside = {words_by_name(outside, "settings"), words_by_name(outside, "said"),
                            words_by_name(outside, "unread")};
        }
        if (document.is_object() && document.contains("iptables")) {
            const json& iptables = at(document, "iptables", json::value_t::object);
            read.iptables = {words_by_name(iptables, "said"), words_by_name(iptables, "unread")};
        }
        return read;
    }

private:
    void wrong(std::string_view key, std::string_view expected) {
        if (!error_) {
            error_ = Error{
                Exit::unknown, where_,
                fmt::format("lbsync read: {} is wrong, expected {}", in_quotes(key), expected)};
        }
    }

    const json& at(const json& object, const char* key, json::value_t type) {
        static const json no_object = json::object();
        static const json no_list = json::array();
        static const json no_text = "";
        const auto found = object.is_object() ? object.find(key) : object.end();
        if (object.is_object() && found != object.end() && found->type() == type) {
            return *found;
        }
        wrong(key, json(type).type_name());
        return type == json::value_t::object  ? no_object
               : type == json::value_t::array ? no_list
                                              : no_text;
    }

    std::string text(const json& object, const char* key) {
        return at(object, key, json::value_t::string).get<std::string>();
    }

    std::map<std::string, std::string> words_by_name(const json& object, const char* key) {
        std::map<std::string, std::string> words;
        for (const auto& [name, value] : at(object, key, json::value_t::object).items()) {
            words[name] = value.is_string() ? value.get<std::string>() : value.dump();
        }
        return words;
    }

    uint32_t number(const json& object, const char* key) {
        const auto found = object.is_object() ? object.find(key) : object.end();
        if (!object.is_object() || found == object.end() || !found->is_number_unsigned() ||
            found->get<uint64_t>() > UINT32_MAX) {
            wrong(key, "a number of 32 bits");
            return 0;
        }
        return found->get<uint32_t>();
    }

    Ruleset ruleset(const json& document) {
        Ruleset result;
        result.generation = number(document, "generation");
        const std::string order = text(document, "byte_order");
        if (order != "little" && order != "big") {
            wrong("byte_order", "little or big");
        }
        result.little_endian = order == "little";
        for (const auto& [index, name] :
             at(document, "interfaces", json::value_t::object).items()) {
            interface(index, name, result);
        }
        for (const json& table : at(document, "tables", json::value_t::array)) {
            result.tables.push_back(read_table(table));
        }
        if (document.is_object() && document.contains("hooks")) {
            result.hooks.emplace();
            for (const json& order_of : at(document, "hooks", json::value_t::array)) {
                result.hooks->push_back(hook(order_of));
            }
        }
        return result;
    }

    void interface(const std::string& index, const json& name, Ruleset& result) {
        uint32_t value = 0;
        const char* end = index.data() + index.size();
        if (std::from_chars(index.data(), end, value).ptr != end || !name.is_string()) {
            wrong("interfaces", "names by index");
            return;
        }
        result.interfaces[value] = name.get<std::string>();
    }

    HookOrder hook(const json& object) {
        HookOrder order{text(object, "family"), number(object, "hook"), text(object, "device"), {}};
        for (const json& chain : at(object, "chains", json::value_t::array)) {
            order.chains.push_back(
                {text(chain, "family"), text(chain, "table"), text(chain, "chain")});
        }
        return order;
    }

    Table read_table(const json& object) {
        Table table;
        table.family = text(object, "family");
        table.self = part("table", object, {"family", "chains", "sets", "objects", "flowtables"});
        for (const json& chain : at(object, "chains", json::value_t::array)) {
            table.chains.push_back({part("chain", chain, {"rules"}), {}});
            for (const json& rule : at(chain, "rules", json::value_t::array)) {
                table.chains.back().rules.push_back(part("rule", rule, {}));
            }
        }
        for (const json& set : at(object, "sets", json::value_t::array)) {
            table.sets.push_back(read_set(set));
        }
        for (const json& it : at(object, "objects", json::value_t::array)) {
            table.objects.push_back(part("object", it, {}));
        }
        for (const json& it : at(object, "flowtables", json::value_t::array)) {
            table.flowtables.push_back(part("flowtable", it, {}));
        }
        return table;
    }

    Set read_set(const json& object) {
        Set set{part("set", object, {"elements"}), {}};
        for (const json& element : at(object, "elements", json::value_t::array)) {
            set.elements.push_back(node("element", element, set.self.unknown, {}));
        }
        return set;
    }

    using Names = std::initializer_list<std::string_view>;

    // others: keys that are no attributes.
    Part part(std::string_view group, const json& object, Names others) {
        Part result;
        if (object.is_object() && object.contains("unknown")) {
            for (const json& words : at(object, "unknown", json::value_t::array)) {
                result.unknown.push_back(words.is_string() ? words.get<std::string>()
                                                           : words.dump());
            }
        }
        result.node = node(group, object, result.unknown, others);
        return result;
    }

    Node node(std::string_view name, const json& object, std::vector<std::string>& unknown,
              Names others) {
        const Group* group = find_group(name);
        if (group == nullptr || !object.is_object()) {
            unknown.push_back(
                fmt::format("{} {}", group == nullptr ? "expression" : "form of", name));
            return {};
        }
        Node result{group->name, {}};
        for (const auto& [key, value] : object.items()) {
            const Known* known = find_attribute(*group, key);
            if (known != nullptr) {
                attribute(*group, *known, value, result, unknown);
            } else if (key != "unknown" &&
                       std::find(others.begin(), others.end(), key) == others.end()) {
                unknown.push_back(fmt::format("{}: attribute {}", name, in_quotes(key)));
            }
        }
        return result;
    }

    void attribute(const Group& group, const Known& known, const json& value, Node& node,
                   std::vector<std::string>& unknown) {
        const auto keep = [&](auto read) {
            Attribute& added = node.attributes.emplace_back();
            added.name = known.name;
            added.value = std::move(read);
        };
        const bool list = known.kind == Kind::list || known.kind == Kind::expressions;
        if (known.kind == Kind::number && value.is_number_unsigned()) {
            keep(value.get<uint64_t>());
        } else if (known.kind == Kind::text && value.is_string()) {
            keep(value.get<std::string>());
        } else if (known.kind == Kind::bytes && value.is_string()) {
            keep(bytes(value.get_ref<const std::string&>()));
        } else if (list && value.is_array()) {
            std::vector<Node> all;
            for (const json& one : value) {
                all.push_back(nested(known, one, unknown));
            }
            keep(std::move(all));
        } else if (!known.group.empty() || is_named(known.kind)) {
            keep(std::vector{nested(known, value, unknown)});
        } else {
            unknown.push_back(fmt::format("{}: form of {}", group.name, known.name));
        }
    }

    Node nested(const Known& known, const json& value, std::vector<std::string>& unknown) {
        if (!is_named(known.kind)) {
            return node(known.group, value, unknown, {});
        }
        if (!value.is_object() || value.size() != 1) {
            unknown.push_back(fmt::format("form of {}", known.name));
            return {};
        }
        return node(value.begin().key(), value.begin().value(), unknown, {});
    }

    Bytes bytes(std::string_view digits) {
        Bytes result;
        for (size_t i = 0; i + 1 < digits.size(); i += 2) {
            uint8_t byte = 0;
            const char* end = digits.data() + i + 2;
            if (std::from_chars(digits.data() + i, end, byte, 16).ptr != end) {
                break;
            }
            result.push_back(byte);
        }
        if (result.size() * 2 != digits.size()) {
            wrong(digits, "hexadecimal digits, two a byte");
        }
        return result;
    }

    std::string where_;
    std::optional<Error> error_;
};

}  // namespace

ordered_json to_json(const Ruleset& ruleset) {
    ordered_json object = {{"generation", ruleset.generation},
                           {"byte_order", ruleset.little_endian ? "little" : "big"}};
    object["interfaces"] = ordered_json::object();
    for (const auto& [index, name] : ruleset.interfaces) {
        object["interfaces"][std::to_string(index)] = name;
    }
    object["tables"] = list_of(ruleset.tables, to_json);
    if (ruleset.hooks) {
        object["hooks"] = list_of(*ruleset.hooks, to_json);
    }
    return object;
}

ordered_json to_json(const HostRead& read) {
    ordered_json object = {{"schema", schema_name}};
    object.update(to_json(read.ruleset));
    object["reloaded"] = to_json(read.reloaded);
    object["reloaded"]["not_reloaded"] = read.not_reloaded;
    object["reloaded"]["raw"] = read.raw;
    object["text"] = read.text;
    object["json"] = read.json;
    if (read.outside) {
        object["outside"] = {{"settings", read.outside->settings},
                             {"said", read.outside->said},
                             {"unread", read.outside->unread}};
    }
    if (read.iptables) {
        object["iptables"] = {{"said", read.iptables->said}, {"unread", read.iptables->unread}};
    }
    return object;
}

Result<HostRead> parse_host_read(std::string_view text, std::string_view where) {
    const json document = parse_bounded(text);
    const auto schema = document.is_object() ? document.find("schema") : document.end();
    if (!document.is_object() || schema == document.end() || !schema->is_string()) {
        return fail(Exit::unknown, std::string(where),
                    fmt::format("lbsync read prints no {}; is its lbsync of another version?",
                                schema_name));
    }
    if (*schema != schema_name) {
        return fail(Exit::unknown, std::string(where),
                    fmt::format("its lbsync is of another version: it prints {}, expected {}",
                                in_quotes(schema->get<std::string>()), schema_name));
    }
    Parser parser(where);
    HostRead read = parser.host(document);
    if (auto error = parser.take()) {
        return tl::unexpected(std::move(*error));
    }
    return read;
}

}  // namespace rehome::lbsync::kernel
