#include "vipd/watch/metrics.h"

#include <fmt/core.h>

namespace rehome::vipd {

namespace {

// Backslash and line feed, and in a label the quote, are escaped.
std::string escaped(std::string_view text, bool label) {
    std::string out;
    for (const char c : text) {
        out += c == '\\'           ? "\\\\"
               : c == '\n'         ? "\\n"
               : c == '"' && label ? "\\\""
                                   : std::string(1, c);
    }
    return out;
}

}  // namespace

void Metrics::family(std::string_view name, std::string_view type, std::string_view help) {
    name_ = fmt::format("rehome_vipd_{}", name);
    text_ += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name_, escaped(help, false), name_, type);
}

void Metrics::sample(uint64_t value, const Labels& labels) {
    text_ += name_;
    for (size_t i = 0; i < labels.size(); ++i) {
        text_ += fmt::format("{}{}=\"{}\"", i == 0 ? "{" : ",", labels[i].first,
                             escaped(labels[i].second, true));
    }
    text_ += fmt::format("{} {}\n", labels.empty() ? "" : "}", value);
}

}  // namespace rehome::vipd
