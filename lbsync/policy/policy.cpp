#include "lbsync/policy/policy.h"

#include <fmt/format.h>

namespace rehome::lbsync::policy {

namespace {

std::string range(const std::string& first, const std::string& last) {
    return first == last ? first : first + "-" + last;
}

}  // namespace

std::string words(const Verdict& verdict) {
    constexpr std::string_view names[] = {"accept",   "drop",   "reject", "hand over",
                                          "continue", "return", "jump",   "goto"};
    const std::string_view name = names[static_cast<size_t>(verdict.kind)];
    const std::string_view with = verdict.kind == Verdict::Kind::reject ? " with " : " to ";
    return std::string(name) + (verdict.detail.empty() ? "" : std::string(with) + verdict.detail);
}

std::string words(const Nat& nat) {
    constexpr std::string_view names[] = {"dnat", "snat", "masquerade", "redirect"};
    std::string result(names[static_cast<size_t>(nat.kind)]);
    if (nat.address || nat.port) {
        result += " to ";
    }
    if (nat.address) {
        const Field field = nat.ip6 ? field::ip6_source() : field::ip4_source();
        result += range(text(field, nat.address->first), text(field, nat.address->last));
    }
    if (nat.port) {
        result += ":" + range(text(field::source_port(), nat.port->first),
                              text(field::source_port(), nat.port->last));
    }
    return result + (nat.flags.empty() ? "" : " " + nat.flags);
}

std::string place(const Chain& chain, const Rule& rule) {
    return fmt::format("{}: rule {}", chain.where, rule.number);
}

ElementsPtr elements(std::vector<Span> spans, size_t columns) {
    return std::make_shared<const Elements>(Elements{columns, std::move(spans)});
}

Test is(Field field, WideNumber value) {
    return {{Term{std::move(field)}}, elements({{value, value}}), false};
}

}  // namespace rehome::lbsync::policy
