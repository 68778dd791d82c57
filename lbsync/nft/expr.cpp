// Expressions of nft's JSON form.
#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "common/error.h"
#include "lbsync/nft/json.h"
#include "lbsync/nft/words.h"

namespace rehome::lbsync {

namespace {

using nlohmann::json;

tl::unexpected<std::string> unknown(std::string_view what, const json& value) {
    return tl::unexpected(fmt::format("{} {}", what, in_quotes(value.dump())));
}

Expr word(std::string text) {
    Expr expr;
    expr.kind = Expr::Kind::word;
    expr.text = std::move(text);
    return expr;
}

Expr key(std::string text, std::string type) {
    Expr expr;
    expr.kind = Expr::Kind::key;
    expr.text = std::move(text);
    expr.type = std::move(type);
    return expr;
}

// "00:11:22:33:44:55": belongs to a site, and has no counterpart that an inventory knows.
bool is_hardware_address(std::string_view text) {
    return text.size() >= 17 && std::count(text.begin(), text.end(), ':') >= 5 &&
           text.find_first_not_of("0123456789abcdefABCDEF:") == std::string_view::npos;
}

Modelled<Expr> from_string(const std::string& text) {
    if (text.starts_with('@')) {
        Expr expr = word(text.substr(1));
        expr.kind = Expr::Kind::named_set;
        return expr;
    }
    if (const auto address = Address::parse(text)) {
        Expr expr;
        expr.kind = Expr::Kind::address;
        expr.address = *address;
        return expr;
    }
    if (is_hardware_address(text)) {
        return tl::unexpected("hardware address " + text);
    }
    return word(text);
}

Modelled<Expr> list_of(Expr::Kind kind, const json& array, Modelled<Expr> (*parse)(const json&)) {
    if (!array.is_array() || array.empty()) {
        return unknown("list", array);
    }
    Expr expr;
    expr.kind = kind;
    for (const json& item : array) {
        auto part = parse(item);
        if (!part) {
            return part;
        }
        expr.args.push_back(std::move(*part));
    }
    return expr;
}

Modelled<Expr> range(const json& array) {
    auto expr = list_of(Expr::Kind::range, array, parse_expr);
    if (!expr) {
        return expr;
    }
    const auto plain = [&](Expr::Kind kind) {
        return expr->args.size() == 2 && expr->args[0].kind == kind && expr->args[1].kind == kind;
    };
    if (!plain(Expr::Kind::number) && !plain(Expr::Kind::address)) {
        return unknown("range", array);
    }
    return expr;
}

Modelled<Expr> prefix(const json& object) {
    const auto address = Address::parse(text_at(object, "addr"));
    const auto length = object.find("len");
    if (!object_of(object, {"addr", "len"}) || !address || length == object.end() ||
        !length->is_number_unsigned() || length->get<uint64_t>() > address->bits()) {
        return unknown("prefix", object);
    }
    Expr expr;
    expr.kind = Expr::Kind::prefix;
    expr.address = *address;
    expr.number = length->get<uint64_t>();
    return expr;
}

Modelled<Expr> payload(const json& object) {
    const std::string protocol = text_at(object, "protocol");
    const std::string field = text_at(object, "field");
    if (!object_of(object, {"protocol", "field"}) || field.empty() ||
        !in(protocol, {"ip", "ip6", "tcp", "udp", "th", "icmp", "icmpv6", "sctp", "dccp", "udplite",
                       "ah", "esp", "comp"})) {
        return unknown("payload", object);
    }
    const std::string text = protocol + " " + field;
    return key(text, text == "tcp flags" ? "tcp_flag" : "");
}

Modelled<Expr> meta(const json& object) {
    const std::string name = text_at(object, "key");
    if (!object_of(object, {"key"})) {
        return unknown("meta", object);
    }
    if (in(name, {"iifname", "oifname", "iif", "oif"})) {
        return key(name, "ifname");
    }
    if (in(name, {"iifgroup", "oifgroup"})) {
        return key(name, "");
    }
    if (!in(name, {"mark", "l4proto", "protocol", "nfproto", "length", "pkttype", "skuid", "skgid",
                   "cpu", "nftrace", "iiftype", "oiftype"})) {
        return unknown("meta", object);
    }
    return key("meta " + name, name == "mark" ? "mark" : "");
}

Modelled<Expr> ct(const json& object) {
    const std::string name = text_at(object, "key");
    const std::string direction = text_at(object, "dir");
    if (!object_of(object, {"key", "dir"}) || !in(direction, {"", "original", "reply"}) ||
        !in(name,
            {"state", "status", "mark", "direction", "zone", "l3proto", "protocol", "helper",
             "bytes", "packets", "avgpkt", "ip saddr", "ip daddr", "ip6 saddr", "ip6 daddr"})) {
        return unknown("ct", object);
    }
    return key("ct " + (direction.empty() ? "" : direction + " ") + name, name == "mark" ? "mark"
                                                                          : name == "helper"
                                                                              ? "string"
                                                                              : "");
}

Modelled<Expr> numgen(const json& object) {
    const auto mod = object.find("mod");
    const auto offset = object.find("offset");
    if (!object_of(object, {"mode", "mod", "offset"}) || mod == object.end() ||
        !mod->is_number_unsigned() || offset == object.end() || !offset->is_number_unsigned()) {
        return unknown("numgen", object);
    }
    std::string text =
        fmt::format("numgen {} mod {}", text_at(object, "mode"), mod->get<uint64_t>());
    if (offset->get<uint64_t>() != 0) {
        text += fmt::format(" offset {}", offset->get<uint64_t>());
    }
    return key(text, "");
}

Modelled<Expr> fib(const json& object) {
    const std::string result = text_at(object, "result");
    const auto flags = object.find("flags");
    if (!object_of(object, {"result", "flags"}) || !in(result, {"oif", "oifname", "type"}) ||
        flags == object.end() || !flags->is_array()) {
        return unknown("fib", object);
    }
    std::string text = "fib";
    for (const json& flag : *flags) {
        if (!flag.is_string()) {
            return unknown("fib", object);
        }
        text += (text == "fib" ? " " : " . ") + flag.get<std::string>();
    }
    return key(text + " " + result, result == "type" ? "" : "ifname");
}

Modelled<Expr> map(const json& object) {
    if (!object_of(object, {"key", "data"}) || !object.contains("key") ||
        !object.contains("data")) {
        return unknown("map", object);
    }
    auto left = parse_expr(object["key"]);
    auto data = left ? parse_expr(object["data"]) : left;
    if (!data) {
        return data;
    }
    Expr expr;
    expr.kind = Expr::Kind::map;
    expr.args = {std::move(*left), std::move(*data)};
    return expr;
}

bool holds_address(const Expr& expr) {
    return expr.kind == Expr::Kind::address || expr.kind == Expr::Kind::prefix ||
           std::any_of(expr.args.begin(), expr.args.end(), holds_address);
}

// Calculating with an address leaves what no mapping can follow.
Modelled<Expr> binary(const std::string& op, const json& array) {
    auto expr = list_of(Expr::Kind::binary, array, parse_expr);
    if (!expr) {
        return expr;
    }
    if (expr->args.size() != 2 || holds_address(*expr)) {
        return unknown("calculation with " + op, array);
    }
    expr->text = op;
    return expr;
}

Modelled<Expr> verdict(const std::string& name, const json& value) {
    Expr expr = word(name);
    expr.kind = Expr::Kind::verdict;
    if (in(name, {"jump", "goto"})) {
        expr.target = value.is_object() ? text_at(value, "target") : "";
        if (expr.target.empty()) {
            return unknown(name, value);
        }
    } else if (!value.is_null()) {
        return unknown(name, value);
    }
    return expr;
}

Modelled<Expr> from_object(const std::string& name, const json& value) {
    if (name == "set") {
        return list_of(Expr::Kind::set, value, parse_element);
    }
    if (name == "concat") {
        return list_of(Expr::Kind::concat, value, parse_expr);
    }
    if (name == "range") {
        return range(value);
    }
    if (in(name, {"&", "|", "^", "<<", ">>"})) {
        return binary(name, value);
    }
    if (in(name, {"accept", "drop", "return", "continue", "jump", "goto"})) {
        return verdict(name, value);
    }
    using Parser = Modelled<Expr> (*)(const json&);
    static const std::pair<std::string_view, Parser> parsers[] = {
        {"prefix", prefix}, {"payload", payload}, {"meta", meta}, {"ct", ct},
        {"numgen", numgen}, {"fib", fib},         {"map", map}};
    for (const auto& [known, parse] : parsers) {
        if (known == name && value.is_object()) {
            return parse(value);
        }
    }
    return unknown("expression " + name, value);
}

// nft prints times as "1d2h3m4s".
std::string duration(uint64_t seconds) {
    std::string text;
    const std::pair<uint64_t, char> units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
    for (const auto& [size, letter] : units) {
        if (seconds >= size) {
            text += fmt::format("{}{}", seconds / size, letter);
            seconds %= size;
        }
    }
    return text;
}

// An element with a comment, a timeout or a counter of its own.
Modelled<Expr> annotated(const json& object) {
    if (!object_of(object, {"val", "comment", "timeout", "expires", "counter"}) ||
        !object.contains("val")) {
        return unknown("element", object);
    }
    auto value = parse_expr(object["val"]);
    if (!value) {
        return value;
    }
    Expr expr;
    expr.kind = Expr::Kind::element;
    expr.args.push_back(std::move(*value));
    const auto add = [&expr](const std::string& words) {
        expr.text += (expr.text.empty() ? "" : " ") + words;
    };
    if (object.contains("counter")) {
        add("counter");
    }
    if (object.contains("timeout") && object["timeout"].is_number_unsigned()) {
        add("timeout " + duration(object["timeout"].get<uint64_t>()));
    }
    if (object.contains("comment")) {
        add("comment \"" + text_at(object, "comment") + "\"");
    }
    return expr;
}

}  // namespace

Modelled<Expr> parse_expr(const json& value) {
    if (value.is_string()) {
        return from_string(value.get<std::string>());
    }
    if (value.is_array()) {
        return list_of(Expr::Kind::flags, value, parse_expr);
    }
    if (value.is_object() && value.size() == 1) {
        return from_object(value.begin().key(), value.begin().value());
    }
    Expr expr;
    if (value.is_boolean()) {
        expr.kind = Expr::Kind::boolean;
        expr.number = value.get<bool>() ? 1 : 0;
        return expr;
    }
    if (!value.is_number_unsigned()) {
        return unknown("expression", value);
    }
    expr.number = value.get<uint64_t>();
    return expr;
}

Modelled<Expr> parse_element(const json& value) {
    if (value.is_object() && value.size() == 1 && value.contains("elem")) {
        return annotated(value["elem"]);
    }
    if (!value.is_array()) {
        return parse_expr(value);
    }
    if (value.size() != 2) {
        return unknown("element", value);
    }
    return list_of(Expr::Kind::pair, value, parse_element);
}

Modelled<Types> parse_types(const json& value) {
    Types types;
    if (value.is_array()) {
        for (const json& part : value) {
            types.push_back(part.is_string() ? part.get<std::string>() : "");
        }
    } else if (value.is_string()) {
        constexpr std::string_view between = " . ";
        std::string text = value.get<std::string>();
        for (size_t at = 0; (at = text.find(between)) != std::string::npos;) {
            types.push_back(text.substr(0, at));
            text.erase(0, at + between.size());
        }
        types.push_back(text);
    }
    for (std::string& type : types) {
        if (!in(type, {"ipv4_addr", "ipv6_addr", "inet_service", "inet_proto", "mark", "ifname",
                       "iface_index", "verdict", "icmp_type", "icmpv6_type", "ct_state", "dscp"})) {
            return unknown("type", value);
        }
        if (type == "iface_index") {
            type = "ifname";  // printed and mapped alike
        }
    }
    return types;
}

}  // namespace rehome::lbsync
