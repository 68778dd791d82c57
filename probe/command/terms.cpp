// See terms.h.
#include "probe/command/terms.h"

namespace rehome::probe {

std::vector<Option> with_terms(std::vector<Option> options) {
    options.insert(
        options.end(),
        {Option::number("max-loss-increase", "allowed, in percentage points")
             .shown_as("PCT")
             .by_default("3"),
         Option::number("max-delay-increase", "allowed, of each figure of delay and jitter")
             .shown_as("MS")
             .by_default("5"),
         Option::number("burst-s", "losses come in bursts of up to so long")
             .shown_as("S")
             .by_default("0.4"),
         Option::number("max-age-s", "of the base").shown_as("S").by_default("86400")});
    return options;
}

Terms terms_from(const Given& given) {
    return {.loss_pct = given.number("max-loss-increase"),
            .delay_ms = given.number("max-delay-increase"),
            .burst_s = given.number("burst-s"),
            .max_age_s = given.number("max-age-s")};
}

std::vector<Error> mistakes_in(const Terms& terms) {
    std::vector<Error> mistakes;
    const auto expect = [&mistakes](bool holds, const char* option, const char* what) {
        if (!holds) {
            mistakes.push_back({Exit::usage, option, what});
        }
    };
    expect(terms.loss_pct > 0 && terms.loss_pct <= 100, "--max-loss-increase",
           "expected over 0, at most 100");
    expect(terms.delay_ms > 0, "--max-delay-increase", "expected over 0");
    expect(terms.burst_s > 0 && terms.burst_s <= 3600, "--burst-s",
           "expected over 0, at most 3600");
    expect(terms.max_age_s > 0, "--max-age-s", "expected over 0");
    return mistakes;
}

}  // namespace rehome::probe
