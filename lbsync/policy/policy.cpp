#include "lbsync/policy/policy.h"

#include <fmt/format.h>

namespace rehome::lbsync::policy {

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
