#include "lbsync/nft/print.h"

#include <algorithm>

#include <fmt/format.h>

namespace rehome::lbsync {

namespace {

using Kind = Expr::Kind;

std::string join(const std::vector<Expr>& args, const Types& types, std::string_view between) {
    std::string text;
    for (const Expr& arg : args) {
        text += (text.empty() ? "" : std::string(between)) + print(arg, types);
    }
    return text;
}

// Each part of a concatenation has a type of its own.
std::string print_concat(const Expr& expr, const Types& types) {
    std::string text;
    for (size_t i = 0; i < expr.args.size(); ++i) {
        text += (i == 0 ? "" : " . ") + print(expr.args[i], {type_of(types, i)});
    }
    return text;
}

std::string print_number(const Expr& expr, const Types& types) {
    if (type_of(types, 0) == "mark") {
        return fmt::format("0x{:08x}", expr.number);
    }
    return type_of(types, 0) == "tcp_flag" ? fmt::format("0x{:x}", expr.number)
                                           : fmt::format("{}", expr.number);
}

std::string print_word(const Expr& expr, const Types& types) {
    const std::string& type = type_of(types, 0);
    return type == "ifname" || type == "string" ? "\"" + expr.text + "\"" : expr.text;
}

int binding(std::string_view op) {  // how tightly an operator binds
    constexpr std::string_view order[] = {"|", "^", "&"};
    const auto found = std::find(std::begin(order), std::end(order), op);
    return static_cast<int>(found - std::begin(order));
}

std::string print_binary(const Expr& expr, const Types& given) {
    const Types types = types_of(expr).empty() ? given : types_of(expr);
    const Expr& left = expr.args[0];
    std::string text = print(left, types);
    if (left.kind == Kind::binary && binding(left.text) < binding(expr.text)) {
        text = "(" + text + ")";
    }
    const bool shift = expr.text == "<<" || expr.text == ">>";
    return text + " " + expr.text + " " + print(expr.args[1], shift ? Types{} : types);
}

// The data of a map is typed by what the statement wants, given here as types.
std::string print_map(const Expr& expr, const Types& types) {
    const Types keys = types_of(expr.args[0]);
    std::string text = print(expr.args[0], {}) + " map ";
    if (expr.args[1].kind != Kind::set) {
        return text + print(expr.args[1], {});
    }
    text += "{ ";
    for (size_t i = 0; i < expr.args[1].args.size(); ++i) {
        const Expr& pair = expr.args[1].args[i];
        text += i == 0 ? "" : ", ";
        text += pair.kind == Kind::pair
                    ? print(pair.args[0], keys) + " : " + print(pair.args[1], types)
                    : print(pair, keys);
    }
    return text + " }";
}

std::string print_verdict(const Expr& expr) {
    return expr.target.empty() ? expr.text : expr.text + " " + expr.target;
}

std::string print_boolean(const Expr& expr, const Types& types) {
    const bool found = type_of(types, 0) == "ifname";  // "fib ... oif exists"
    return expr.number != 0 ? (found ? "exists" : "true") : (found ? "missing" : "false");
}

}  // namespace

const std::string& type_of(const Types& types, size_t i) {
    static const std::string none;
    return i < types.size() ? types[i] : none;
}

Types types_of(const Expr& expr) {
    Types types;
    if (expr.kind == Kind::key) {
        return {expr.type};
    }
    if (expr.kind == Kind::binary) {
        return types_of(expr.args.front());
    }
    if (expr.kind == Kind::concat) {
        for (const Expr& arg : expr.args) {
            types.push_back(type_of(types_of(arg), 0));
        }
    }
    return types;
}

std::string print(const Expr& expr, const Types& types) {
    switch (expr.kind) {
        case Kind::number:
            return print_number(expr, types);
        case Kind::word:
            return print_word(expr, types);
        case Kind::boolean:
            return print_boolean(expr, types);
        case Kind::address:
            return expr.address.text();
        case Kind::prefix:
            return fmt::format("{}/{}", expr.address.text(), expr.number);
        case Kind::range:
            return join(expr.args, types, "-");
        case Kind::flags:
            return join(expr.args, types, ",");
        case Kind::set:
            return "{ " + join(expr.args, types, ", ") + " }";
        case Kind::pair:
            return print(expr.args[0], types) + " : " + print(expr.args[1], {});
        case Kind::named_set:
            return "@" + expr.text;
        case Kind::concat:
            return print_concat(expr, types);
        case Kind::key:
            return expr.text;
        case Kind::binary:
            return print_binary(expr, types);
        case Kind::map:
            return print_map(expr, types);
        case Kind::verdict:
            return print_verdict(expr);
        case Kind::element:
            return print(expr.args[0], types) + (expr.text.empty() ? "" : " " + expr.text);
    }
    return "";
}

}  // namespace rehome::lbsync
