// See outcomes.h.
#include "probe/core/outcomes.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "probe/core/fate.h"

namespace rehome::probe {

namespace {

constexpr size_t most_outcomes = 100'000;
constexpr size_t words_a_row = 100;
constexpr int64_t longest_rtt_us = 1'000'000'000;

Outcome outcome_of(const Sample& sample, Fate fate) {
    if (fate != Fate::received) {
        return {.end = is_lost(fate) ? Outcome::End::lost : Outcome::End::ours};
    }
    const Nanos rtt = sample.round_trip();
    return {.end = Outcome::End::answered,
            .refused = sample.refused,
            .duplicated = sample.duplicated,
            .rtt_us = rtt < 0 ? -1 : (rtt + 500) / 1000};
}

std::string word(const Outcome& outcome) {
    if (outcome.end != Outcome::End::answered) {
        return outcome.end == Outcome::End::lost ? "-" : "=";
    }
    return fmt::format("{}{}{}", outcome.rtt_us < 0 ? "?" : std::to_string(outcome.rtt_us),
                       outcome.refused ? "r" : "", outcome.duplicated ? "d" : "");
}

// The microseconds in front of the letters; nothing when there are none.
std::optional<int64_t> take_rtt(std::string_view& text) {
    if (text.starts_with('?')) {
        text.remove_prefix(1);
        return -1;
    }
    int64_t us = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), us);
    if (error != std::errc{} || us < 0 || us > longest_rtt_us) {
        return std::nullopt;
    }
    text.remove_prefix(static_cast<size_t>(end - text.data()));
    return us;
}

bool take(std::string_view& text, char letter) {
    if (!text.starts_with(letter)) {
        return false;
    }
    text.remove_prefix(1);
    return true;
}

std::optional<Outcome> parse_word(std::string_view text) {
    if (text == "-" || text == "=") {
        return Outcome{.end = text == "-" ? Outcome::End::lost : Outcome::End::ours};
    }
    const auto rtt = take_rtt(text);
    if (!rtt) {
        return std::nullopt;
    }
    Outcome outcome{.end = Outcome::End::answered, .rtt_us = *rtt};
    outcome.refused = take(text, 'r');
    outcome.duplicated = take(text, 'd');
    return text.empty() ? std::optional(outcome) : std::nullopt;
}

}  // namespace

Outcomes outcomes_of(const Series& series, Nanos wait) {
    const auto& samples = series.samples();
    const std::vector<Fate> fates = fates_of(series, wait);
    Outcomes outcomes;
    outcomes.every = static_cast<uint32_t>((samples.size() + most_outcomes - 1) / most_outcomes);
    outcomes.every = std::max(outcomes.every, 1U);
    for (size_t i = 0; i < samples.size(); i += outcomes.every) {
        outcomes.list.push_back(outcome_of(samples[i], fates[i]));
    }
    return outcomes;
}

std::vector<std::string> to_rows(const Outcomes& outcomes) {
    std::vector<std::string> rows;
    for (size_t i = 0; i < outcomes.list.size(); ++i) {
        const std::string text = word(outcomes.list[i]);
        if (i % words_a_row == 0) {
            rows.push_back(text);
        } else {
            rows.back() += " " + text;
        }
    }
    return rows;
}

bool parse_row(std::string_view row, std::vector<Outcome>& list) {
    while (true) {
        const size_t end = std::min(row.find(' '), row.size());
        const auto outcome = parse_word(row.substr(0, end));
        if (!outcome) {
            return false;
        }
        list.push_back(*outcome);
        if (end == row.size()) {
            return true;
        }
        row.remove_prefix(end + 1);
    }
}

}  // namespace rehome::probe
