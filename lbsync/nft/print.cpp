#include "lbsync/nft/print.h"

#include <fmt/format.h>

namespace rehome::lbsync {

namespace {

using Kind = Expr::Kind;

std::string print_match(const Match& match) {
    const Types types = types_of(match.left);
    const std::string right = print(match.right, types);
    const bool masked = match.left.kind == Kind::binary;
    if (masked && type_of(types, 0) == "tcp_flag" && match.right.kind != Kind::number) {
        return fmt::format("{} {}{} / {}", print(match.left.args[0], {}),
                           match.op == "==" ? "" : match.op + " ", right,
                           print(match.left.args[1], types));
    }
    const bool flags_number = type_of(types, 0) == "tcp_flag" && match.right.kind == Kind::number;
    const bool bare = match.op == "in" || (match.op == "==" && !masked && !flags_number);
    return print(match.left, {}) + " " + (bare ? "" : match.op + " ") + right;
}

std::string print_limit(const Limit& limit) {
    if (!limit.name.empty()) {
        return "limit name \"" + limit.name + "\"";
    }
    const bool packets = limit.unit.empty();
    std::string text = fmt::format("limit rate {}{}{}/{}", limit.over ? "over " : "", limit.rate,
                                   packets ? "" : " " + limit.unit, limit.per);
    constexpr uint64_t usual_packets = 5;
    if (limit.burst != (packets ? usual_packets : 0)) {
        text += fmt::format(" burst {} {}", limit.burst, packets ? "packets" : limit.burst_unit);
    }
    return text;
}

std::string print_reject(const Reject& reject, std::string_view family) {
    const std::string_view usual = family == "ip" ? "icmp" : family == "ip6" ? "icmpv6" : "icmpx";
    if (reject.type == usual && reject.code == "port-unreachable") {
        return "reject";
    }
    return "reject with " + reject.type + (reject.code.empty() ? "" : " " + reject.code);
}

// "10.1.1.11:80", "[2001:db8::1]:80", "10.1.1.1-10.1.1.9", ":80"
std::string print_nat_target(const Nat& nat) {
    std::string text;
    if (!nat.address.empty()) {
        const Expr& address = nat.address.front();
        const Expr& first = address.kind == Kind::range ? address.args.front() : address;
        const bool brackets =
            !nat.port.empty() && first.kind == Kind::address && first.address.family == Family::v6;
        if (brackets && address.kind == Kind::range) {
            text = fmt::format("[{}]-[{}]", print(address.args[0], {}), print(address.args[1], {}));
        } else {
            text = brackets ? "[" + print(address, {}) + "]" : print(address, {});
        }
    }
    return text + (nat.port.empty() ? "" : ":" + print(nat.port.front(), {}));
}

std::string print_nat(const Nat& nat) {
    std::string text = nat.kind + (nat.family.empty() ? "" : " " + nat.family);
    text += nat.prefix ? " prefix" : "";
    if (!nat.address.empty() || !nat.port.empty()) {
        text += " to " + print_nat_target(nat);
    }
    std::string flags;
    for (const std::string& flag : nat.flags) {
        flags += (flags.empty() ? " " : ",") + flag;
    }
    return text + flags;
}

// One overload a statement, for std::visit.
struct StatementPrinter {
    std::string_view family;

    std::string operator()(const Match& match) const { return print_match(match); }
    std::string operator()(const Verdict& verdict) const { return print(verdict.verdict, {}); }
    std::string operator()(const Counter& counter) const {
        return counter.name.empty() ? "counter" : "counter name \"" + counter.name + "\"";
    }
    std::string operator()(const Limit& limit) const { return print_limit(limit); }
    std::string operator()(const Log& log) const {
        std::string text = "log";
        for (const std::string& word : log.words) {
            text += " " + word;
        }
        return text;
    }
    std::string operator()(const Reject& reject) const { return print_reject(reject, family); }
    std::string operator()(const Nat& nat) const { return print_nat(nat); }
    std::string operator()(const Assign& assign) const {
        return print(assign.key, {}) + " set " + print(assign.value, types_of(assign.key));
    }
    std::string operator()(const VerdictMap& map) const {
        return print(map.key, {}) + " vmap " + print(map.data, types_of(map.key));
    }
    std::string operator()(const NoTrack&) const { return "notrack"; }
    std::string operator()(const Verbatim& verbatim) const { return verbatim.words; }
    std::string operator()(const Update& update) const {
        std::string text = update.op + " @" + update.set + " { " + print(update.key, {});
        for (const Statement& statement : update.statements) {
            text += " " + std::visit(*this, statement);
        }
        return text + " }";
    }
};

}  // namespace

std::string print(const Rule& rule, std::string_view family) {
    std::string text;
    for (const Statement& statement : rule.statements) {
        text += (text.empty() ? "" : " ") + std::visit(StatementPrinter{family}, statement);
    }
    return text + (rule.comment.empty() ? "" : " comment \"" + rule.comment + "\"");
}

std::string print_elements(const Set& set) {
    std::string text;
    for (const Expr& element : set.elements) {
        text += text.empty() ? "" : ", ";
        text += element.kind == Kind::pair ? print(element.args[0], set.key_types) + " : " +
                                                 print(element.args[1], set.data_types)
                                           : print(element, set.key_types);
    }
    return text;
}

namespace {

std::string print_lines(const std::vector<std::string>& lines, std::string_view indent) {
    std::string text;
    for (const std::string& line : lines) {
        text += std::string(indent) + line + "\n";
    }
    return text;
}

}  // namespace

std::string print_body(const Object& object) {
    return print_lines(object.properties, "\t\t");
}

std::string print_body(const Set& set) {
    std::string text = print_lines(set.properties, "\t\t");
    if (!set.elements.empty()) {
        text += "\t\telements = { " + print_elements(set) + " }\n";
    }
    return text;
}

std::string print_body(const Chain& chain, std::string_view family) {
    std::string text = print_lines(chain.properties, "\t\t");
    for (const Rule& rule : chain.rules) {
        text += "\t\t" + print(rule, family) + "\n";
    }
    return text;
}

std::string print(const Table& table) {
    std::string text = table.title() + " {\n" + print_lines(table.properties, "\t");
    const auto member = [&text](const std::string& kind, const std::string& name,
                                const std::string& body) {
        text += fmt::format("\t{} {} {{\n{}\t}}\n", kind, name, body);
    };
    for (const Object& object : table.objects) {
        member(object.kind, object.name, print_body(object));
    }
    for (const Set& set : table.sets) {
        member(set.kind, set.name, print_body(set));
    }
    for (const Chain& chain : table.chains) {
        member("chain", chain.name, print_body(chain, table.family));
    }
    return text + "}\n";
}

}  // namespace rehome::lbsync
