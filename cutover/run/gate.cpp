#include "cutover/run/gate.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "common/json/text.h"
#include "cutover/run/figure.h"

namespace rehome::cutover {

namespace {

using nlohmann::json;

Reading cannot_tell(std::string why) {
    return {Verdict::cannot_tell, std::move(why)};
}

// The last line of what a command said on standard error, to say why it failed.
std::string last_line(std::string_view text) {
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) {
        text.remove_suffix(1);
    }
    const size_t start = text.rfind('\n');
    const std::string_view line = start == std::string_view::npos ? text : text.substr(start + 1);
    constexpr size_t longest = 1'000;
    return line.size() <= longest ? std::string(line)
                                  : std::string(line.substr(0, longest)) + "...";
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

double seconds_between(int64_t from_us, int64_t to_us) {
    return static_cast<double>(to_us - from_us) / 1e6;
}

void add(const FigureReading& one, Reading& reading) {
    reading.shown.push_back(one.shown);
    if (one.verdict != Verdict::good) {
        reading.why += (reading.why.empty() ? "" : "; ") + one.shown;
        reading.verdict = std::max(reading.verdict, one.verdict);
    }
}

// Read as a file is: a key that stands twice, or what follows a NUL, would pass unseen.
Result<json> document_of(const Result<Finished>& answer) {
    Mistakes mistakes("");
    auto document = parse_json_text(mistakes, answer->out);
    if (!document || !mistakes.none()) {
        return fail(Exit::unknown, "", "its output is not JSON" + mistakes.take().front().text());
    }
    return std::move(*document);
}

// When the sample was taken, as it says itself, if that is now.
Result<UnixMicros> fresh_time(const Sample& sample, const json& document, UnixMicros now) {
    const json* at = find_value(document, sample.fresh);
    if (at == nullptr || !at->is_string()) {
        return fail(Exit::unknown, "", sample.fresh + " is not there");
    }
    auto time = parse_iso8601(at->get_ref<const std::string&>());
    if (!time) {
        return fail(Exit::unknown, "", sample.fresh + ": " + time.error().what);
    }
    if (seconds_between(*time, now) > sample.max_age.count()) {
        return fail(Exit::unknown, "", "the sample of " + iso8601(*time) + " is too old");
    }
    if (seconds_between(now, *time) > ahead_at_most_s) {
        return fail(Exit::unknown, "", "the sample of " + iso8601(*time) + " is from the future");
    }
    return time;
}

}  // namespace

std::string key(const Figure& figure) {
    return figure.pointer + " since " + figure.since;
}

Reading read_sample(const Sample& sample, const Result<Finished>& answer) {
    Reading reading = read_end(answer);
    if (reading.verdict != Verdict::good || sample.figures.empty()) {
        return reading;
    }
    const auto document = document_of(answer);
    if (!document) {
        return cannot_tell(document.error().what);
    }
    for (const Figure& figure : sample.figures) {
        add(read_figure(figure, *document, std::nullopt), reading);
    }
    return reading;
}

Result<Bases> read_bases(const Sample& sample, const std::string& since,
                         const Result<Finished>& answer, UnixMicros now) {
    if (const Reading end = read_end(answer); end.verdict != Verdict::good) {
        return fail(Exit::unknown, "", end.why);
    }
    const auto document = document_of(answer);
    if (!document) {
        return tl::unexpected(document.error());
    }
    if (const auto time =
            sample.fresh.empty() ? Result<UnixMicros>(now) : fresh_time(sample, *document, now);
        !time) {
        return tl::unexpected(time.error());
    }
    Bases bases;
    for (const Figure& figure : sample.figures) {
        if (figure.since != since) {
            continue;
        }
        const FigureReading one = read_figure(figure, *document, std::nullopt);
        if (!one.count) {
            return fail(Exit::unknown, "", one.shown);
        }
        bases.emplace(key(figure), *one.count);
    }
    return bases;
}

std::string bases_text(const Bases& bases) {
    return json(bases).dump();
}

// The text is as it was made, as the journal's sum is right.
Bases parse_bases(std::string_view text) {
    const json object = json::parse(text, nullptr, false);
    return object.is_object() ? object.get<Bases>() : Bases();
}

// A figure that counts stands by its own base, whatever else looks at the same pointer.
FigureReading GateWatch::count(const Figure& figure, const json& document) {
    const std::string name = key(figure);
    const auto last = counted_last_.find(name);
    const auto from = counted_from_.find(name);
    if (from == counted_from_.end() && !figure.since.empty()) {
        return {Verdict::fatal, name + ": nobody knows from what to count", std::nullopt};
    }
    FigureReading one = read_figure(
        figure, document, from == counted_from_.end() ? std::nullopt : std::optional(from->second));
    if (one.count && last != counted_last_.end() && *one.count < last->second) {
        one = read_figure(figure, document, last->second);  // says that it fell
    }
    if (one.count) {
        counted_from_.emplace(name, *one.count);
        counted_last_[name] = *one.count;
    }
    return one;
}

Reading GateWatch::read_figures(const json& document) {
    Reading reading{Verdict::good};
    for (const Figure& figure : gate_.sample.figures) {
        add(figure.counts() ? count(figure, document) : read_figure(figure, document, std::nullopt),
            reading);
    }
    return reading;
}

// Empty when there is none before a sample of this time.
std::string GateWatch::hole(int64_t at_us) const {
    const double silent = seconds_between(row_ends_us_, at_us);
    const double most = (gate_.every + gate_.sample.max_age).count();
    return in_row_ == 0 || silent <= most
               ? ""
               : fmt::format("there was no sample for {:.1f} s, {:g} s are the most", silent, most);
}

// Good when the sample is a new one.
Reading GateWatch::read_time(const json& document, UnixMicros now) {
    const auto time = fresh_time(gate_.sample, document, now);
    if (!time) {
        return cannot_tell(time.error().what);
    }
    if (*time < started_) {
        return cannot_tell("the sample of " + iso8601(*time) + " is older than the gate");
    }
    if (newest_ && *time < *newest_) {
        return cannot_tell("the sample of " + iso8601(*time) + " is older than the one before");
    }
    if (newest_ == *time) {
        return {Verdict::cannot_tell, "no new sample since " + iso8601(*time), {}, true};
    }
    newest_ = *time;
    return {Verdict::good};
}

// Without figures and a time there is nothing to look at but the exit code.
Reading GateWatch::read(const Result<Finished>& answer, UnixMicros now) {
    const Sample& sample = gate_.sample;
    Reading reading = read_end(answer);
    if (reading.verdict != Verdict::good || (sample.figures.empty() && sample.fresh.empty())) {
        return reading;
    }
    const auto document = document_of(answer);
    if (!document) {
        return cannot_tell(document.error().what);
    }
    if (!sample.fresh.empty()) {
        reading = read_time(*document, now);
    }
    return reading.verdict == Verdict::good ? read_figures(*document) : reading;
}

Reading GateWatch::take(const Result<Finished>& answer, UnixMicros now, int64_t monotonic_us) {
    Reading reading = read(answer, now);
    if (reading.seen_before) {
        return reading;
    }
    ++taken_;
    const int64_t at_us = newest_.value_or(monotonic_us);
    if (const std::string gap = hole(at_us); reading.verdict == Verdict::good && !gap.empty()) {
        reading.verdict = Verdict::bad;
        reading.why = gap;
    }
    row_ends_us_ = at_us;
    if (reading.verdict != Verdict::good) {
        in_row_ = 0;
        return reading;
    }
    if (in_row_++ == 0) {
        row_began_us_ = monotonic_us;
    }
    const double lasted = seconds_between(row_began_us_, monotonic_us);
    passed_ = in_row_ >= gate_.good && lasted >= gate_.lasting.count();
    return reading;
}

}  // namespace rehome::cutover
