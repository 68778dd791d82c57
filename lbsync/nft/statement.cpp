// Statements of nft's JSON form: {"NAME": value}.
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "common/error.h"
#include "lbsync/nft/json.h"
#include "lbsync/nft/words.h"

namespace rehome::lbsync {

namespace {

using nlohmann::json;

tl::unexpected<std::string> unknown(std::string_view what, const json& value) {
    return tl::unexpected(fmt::format("statement {} {}", what, in_quotes(value.dump())));
}

uint64_t number_at(const json& object, const char* key) {
    const auto found = object.find(key);
    return found != object.end() && found->is_number_unsigned() ? found->get<uint64_t>() : 0;
}

// "random" or ["random", "persistent"]
Modelled<std::vector<std::string>> words_at(const json& object, const char* key) {
    std::vector<std::string> words;
    const auto found = object.find(key);
    if (found == object.end()) {
        return words;
    }
    for (const json& item : found->is_array() ? *found : json::array({*found})) {
        if (!item.is_string()) {
            return unknown(key, object);
        }
        words.push_back(item.get<std::string>());
    }
    return words;
}

bool is_address(const Expr& expr) {
    return expr.kind == Expr::Kind::address || expr.kind == Expr::Kind::prefix;
}

Modelled<Statement> match(const std::string&, const json& value) {
    const std::string op = text_at(value, "op");
    if (!object_of(value, {"op", "left", "right"}) || value.size() != 3 ||
        !in(op, {"==", "!=", "<", ">", "<=", ">=", "in", "!"})) {
        return unknown("match", value);
    }
    auto left = parse_expr(value["left"]);
    if (!left) {
        return tl::unexpected(left.error());
    }
    auto right = parse_expr(value["right"]);
    if (!right) {
        return tl::unexpected(right.error());
    }
    // An order among addresses does not survive a mapping of them.
    if (is_address(*right) && !in(op, {"==", "!="})) {
        return unknown("match of addresses by order", value);
    }
    return Match{op, std::move(*left), std::move(*right)};
}

Modelled<Statement> verdict(const std::string& name, const json& value) {
    auto parsed = parse_expr(json{{name, value}});
    if (!parsed) {
        return tl::unexpected(parsed.error());
    }
    return Verdict{std::move(*parsed)};
}

Modelled<Statement> counter(const std::string&, const json& value) {
    if (value.is_string()) {
        return Counter{value.get<std::string>()};
    }
    // Without -s nft prints the values, which are not policy.
    return value.is_null() || object_of(value, {"packets", "bytes"})
               ? Modelled<Statement>(Counter{})
               : unknown("counter", value);
}

Modelled<Statement> limit(const std::string&, const json& value) {
    if (value.is_string()) {
        Limit named;
        named.name = value.get<std::string>();
        return named;
    }
    if (!object_of(value, {"rate", "burst", "per", "inv", "rate_unit", "burst_unit"})) {
        return unknown("limit", value);
    }
    Limit limit;
    limit.over = value.contains("inv") && value["inv"] == json(true);
    limit.rate = number_at(value, "rate");
    limit.unit = text_at(value, "rate_unit");
    limit.per = text_at(value, "per");
    limit.burst = number_at(value, "burst");
    limit.burst_unit = text_at(value, "burst_unit");
    return limit;
}

std::string log_flags(const std::vector<std::string>& flags) {
    std::string text;
    std::string tcp;
    for (const std::string& flag : flags) {
        if (flag.starts_with("tcp ")) {
            tcp += (tcp.empty() ? "" : ",") + flag.substr(4);
        } else {
            text += " flags " + flag;
        }
    }
    return (tcp.empty() ? "" : " flags tcp " + tcp) + text;
}

Modelled<Statement> log(const std::string&, const json& value) {
    Log log;
    if (value.is_null()) {
        return log;
    }
    const auto flags = words_at(value, "flags");
    if (!flags ||
        !object_of(value, {"prefix", "level", "group", "snaplen", "queue-threshold", "flags"})) {
        return unknown("log", value);
    }
    if (value.contains("prefix")) {
        log.words.push_back("prefix \"" + text_at(value, "prefix") + "\"");
    }
    for (const char* name : {"group", "snaplen", "queue-threshold"}) {
        if (value.contains(name)) {
            log.words.push_back(fmt::format("{} {}", name, number_at(value, name)));
        }
    }
    if (value.contains("level")) {
        log.words.push_back("level " + text_at(value, "level"));
    }
    if (const std::string text = log_flags(*flags); !text.empty()) {
        log.words.push_back(text.substr(1));
    }
    return log;
}

Modelled<Statement> reject(const std::string&, const json& value) {
    Reject reject{text_at(value, "type"), text_at(value, "expr")};
    if (!object_of(value, {"type", "expr"}) ||
        !in(reject.type, {"icmp", "icmpv6", "icmpx", "tcp reset"}) ||
        (reject.type == "tcp reset") != reject.code.empty()) {
        return unknown("reject", value);
    }
    return reject;
}

Modelled<Statement> nat(const std::string& name, const json& value) {
    Nat nat;
    nat.kind = name;
    if (value.is_null()) {
        return nat;
    }
    auto flags = words_at(value, "flags");
    const std::string type_flags = text_at(value, "type_flags");
    if (!flags || !object_of(value, {"family", "addr", "port", "flags", "type_flags"}) ||
        value.contains("type_flags") != (type_flags == "prefix")) {
        return unknown(name, value);
    }
    nat.family = text_at(value, "family");
    nat.flags = std::move(*flags);
    nat.prefix = type_flags == "prefix";
    std::erase(nat.flags, "netmap");  // what "prefix" says
    for (auto [part, into] : {std::pair{"addr", &nat.address}, {"port", &nat.port}}) {
        if (value.contains(part)) {
            auto parsed = parse_expr(value[part]);
            if (!parsed) {
                return tl::unexpected(parsed.error());
            }
            into->push_back(std::move(*parsed));
        }
    }
    return nat;
}

// Two expressions under two names.
Modelled<std::pair<Expr, Expr>> two(const json& value, const char* first, const char* second) {
    if (!object_of(value, {first, second}) || value.size() != 2) {
        return unknown(first, value);
    }
    auto left = parse_expr(value[first]);
    if (!left) {
        return tl::unexpected(left.error());
    }
    auto right = parse_expr(value[second]);
    if (!right) {
        return tl::unexpected(right.error());
    }
    return std::pair{std::move(*left), std::move(*right)};
}

Modelled<Statement> assign(const std::string&, const json& value) {
    auto parts = two(value, "key", "value");
    if (!parts) {
        return tl::unexpected(parts.error());
    }
    if (parts->first.kind != Expr::Kind::key) {
        return unknown("mangle", value);
    }
    return Assign{std::move(parts->first), std::move(parts->second)};
}

Modelled<Statement> verdict_map(const std::string&, const json& value) {
    auto parts = two(value, "key", "data");
    if (!parts) {
        return tl::unexpected(parts.error());
    }
    return VerdictMap{std::move(parts->first), std::move(parts->second)};
}

Modelled<Statement> no_track(const std::string&, const json& value) {
    return value.is_null() ? Modelled<Statement>(NoTrack{}) : unknown("notrack", value);
}

Modelled<Statement> update(const std::string&, const json& value) {
    Update update;
    update.op = text_at(value, "op");
    update.set = text_at(value, "set");
    if (!object_of(value, {"op", "elem", "set", "stmt"}) || !value.contains("elem") ||
        !in(update.op, {"add", "update", "delete"}) || !update.set.starts_with('@')) {
        return unknown("set", value);
    }
    update.set.erase(0, 1);
    auto key = parse_element(value["elem"]);
    if (!key) {
        return tl::unexpected(key.error());
    }
    update.key = std::move(*key);
    for (const json& inner : value.value("stmt", json::array())) {
        auto parsed = parse_statement(inner);
        if (!parsed) {
            return parsed;
        }
        update.statements.push_back(std::move(*parsed));
    }
    return update;
}

using Parser = Modelled<Statement> (*)(const std::string& name, const json& value);

constexpr std::pair<std::string_view, Parser> parsers[] = {
    {"match", match},      {"counter", counter}, {"limit", limit},      {"log", log},
    {"reject", reject},    {"dnat", nat},        {"snat", nat},         {"masquerade", nat},
    {"redirect", nat},     {"mangle", assign},   {"vmap", verdict_map}, {"notrack", no_track},
    {"set", update},       {"accept", verdict},  {"drop", verdict},     {"return", verdict},
    {"continue", verdict}, {"jump", verdict},    {"goto", verdict}};

}  // namespace

Modelled<Statement> parse_statement(const json& value) {
    // What nft cannot say in JSON it puts there as bare text.
    if (value.is_string()) {
        return tl::unexpected("nft has no JSON form for " + in_quotes(value.get<std::string>()));
    }
    if (!value.is_object() || value.size() != 1) {
        return unknown("of unknown form", value);
    }
    const std::string& name = value.begin().key();
    for (const auto& [known, parse] : parsers) {
        if (known == name) {
            return parse(name, value.begin().value());
        }
    }
    return unknown(name, value.begin().value());
}

}  // namespace rehome::lbsync
