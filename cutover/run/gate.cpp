#include "cutover/run/gate.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cutover/run/figure.h"

namespace rehome::cutover {

namespace {

using nlohmann::json;
using Verdict = Reading::Verdict;
using Firsts = std::map<std::string, double>;

Reading cannot_tell(std::string why) {
    return {Verdict::cannot_tell, std::move(why), {}};
}

// The last line of what a command said on standard error, to say why it failed.
std::string last_line(std::string_view text) {
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) {
        text.remove_suffix(1);
    }
    const size_t start = text.rfind('\n');
    return std::string(start == std::string_view::npos ? text : text.substr(start + 1));
}

// Good when the answer may be looked into.
Reading read_end(const Result<Finished>& answer) {
    if (!answer) {
        return cannot_tell(answer.error().text());
    }
    if (answer->timed_out) {
        return cannot_tell("no answer in time");
    }
    if (answer->code != 0) {
        const std::string said = last_line(answer->err.empty() ? answer->out : answer->err);
        const Verdict verdict = answer->code == 1 ? Verdict::bad : Verdict::cannot_tell;
        return {verdict,
                fmt::format("exit code {}{}{}", answer->code, said.empty() ? "" : ": ", said),
                {}};
    }
    return {Verdict::good, "", {}};
}

void judge(const Figure& figure, const json& document, Firsts& first, Reading& reading) {
    const auto known = first.find(figure.pointer);
    const FigureReading one = read_figure(
        figure, document, known == first.end() ? std::nullopt : std::optional(known->second));
    if (one.value) {
        first.emplace(figure.pointer, *one.value);
    }
    reading.shown.push_back(one.shown);
    if (one.good) {
        return;
    }
    reading.why += (reading.why.empty() ? "" : "; ") + one.shown;
    if (find_value(document, figure.pointer) == nullptr) {
        reading.verdict = Verdict::cannot_tell;
    } else if (reading.verdict != Verdict::cannot_tell && reading.verdict != Verdict::fatal) {
        reading.verdict = figure.at_once ? Verdict::fatal : Verdict::bad;
    }
}

void judge_age(const Sample& sample, const json& document, UnixMicros started, UnixMicros now,
               Reading& reading) {
    const json* at = find_value(document, sample.fresh);
    if (at == nullptr || !at->is_string()) {
        reading = cannot_tell(sample.fresh + " is not there");
        return;
    }
    const auto time = parse_iso8601(at->get_ref<const std::string&>());
    if (!time) {
        reading = cannot_tell(sample.fresh + ": " + time.error().what);
    } else if (*time < started) {
        reading = cannot_tell("the sample of " + iso8601(*time) + " is older than the gate");
    } else if (static_cast<double>(now - *time) > sample.max_age.count() * 1e6) {
        reading = cannot_tell("the sample of " + iso8601(*time) + " is too old");
    }
}

Reading read_all(const Sample& sample, const Result<Finished>& answer, Firsts& first,
                 UnixMicros started, UnixMicros now) {
    Reading reading = read_end(answer);
    if (reading.verdict != Verdict::good || (sample.figures.empty() && sample.fresh.empty())) {
        return reading;
    }
    const json document = json::parse(answer->out, nullptr, false);
    if (document.is_discarded()) {
        return cannot_tell("its output is not JSON");
    }
    if (!sample.fresh.empty()) {
        judge_age(sample, document, started, now, reading);
    }
    // A stale sample is no base for what has grown since the start.
    if (reading.verdict == Verdict::good) {
        for (const Figure& figure : sample.figures) {
            judge(figure, document, first, reading);
        }
    }
    return reading;
}

}  // namespace

Reading read_sample(const Sample& sample, const Result<Finished>& answer) {
    Firsts none;
    Sample timeless = sample;
    timeless.fresh.clear();
    return read_all(timeless, answer, none, 0, 0);
}

Reading GateWatch::take(const Result<Finished>& answer, UnixMicros now, int64_t monotonic_us) {
    Reading reading = read_all(gate_.sample, answer, first_, started_, now);
    ++taken_;
    if (reading.verdict != Verdict::good) {
        in_row_ = 0;
        return reading;
    }
    if (in_row_++ == 0) {
        row_began_us_ = monotonic_us;
    }
    const double lasted = static_cast<double>(monotonic_us - row_began_us_) / 1e6;
    passed_ = in_row_ >= gate_.good && lasted >= gate_.lasting.count();
    return reading;
}

}  // namespace rehome::cutover
