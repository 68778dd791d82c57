// See text.h.
#include "probe/report/text.h"

#include <fmt/format.h>

#include <algorithm>

#include "probe/report/escape.h"
#include "probe/report/words.h"

namespace rehome::probe {

namespace {

constexpr size_t columns = 72;

// What a terminal shows: continuation bytes of UTF-8 take no column.
size_t width_of(std::string_view text) {
    return static_cast<size_t>(std::count_if(
        text.begin(), text.end(), [](char c) { return (static_cast<uint8_t>(c) & 0xc0) != 0x80; }));
}

// "95 %" is one.
size_t end_of_word(std::string_view text, size_t begin) {
    size_t end = text.find(' ', begin);
    while (end != std::string_view::npos && text.substr(end + 1).starts_with('%')) {
        end = text.find(' ', end + 1);
    }
    return std::min(end, text.size());
}

// Breaks between words; a word that is longer than a line stands alone.
std::string wrapped(std::string_view text, std::string_view first, std::string_view rest) {
    const std::string shown = plain(text);
    std::string lines(first);
    size_t at = width_of(first);
    bool begun = false;
    for (size_t begin = 0; begin < shown.size();) {
        const size_t end = end_of_word(shown, begin);
        const std::string_view word = std::string_view(shown).substr(begin, end - begin);
        if (begun && at + 1 + width_of(word) > columns) {
            lines += fmt::format("\n{}", rest);
            at = width_of(rest);
            begun = false;
        }
        lines += begun ? " " : "";
        lines += word;
        at += (begun ? 1 : 0) + width_of(word);
        begun = true;
        begin = end + 1;
    }
    return lines + "\n";
}

std::string paragraph(std::string_view text) {
    return wrapped(text, "", "");
}

std::string item(std::string_view text) {
    return wrapped(text, "- ", "  ");
}

std::string heading(std::string_view text) {
    const std::string shown = plain(text);
    return fmt::format("\n{}\n{}\n", shown, std::string(std::min(width_of(shown), columns), '-'));
}

std::string items(std::string_view title, const std::vector<std::string>& list) {
    std::string text = list.empty() ? "" : heading(title);
    for (const std::string& one : list) {
        text += item(one);
    }
    return text;
}

std::string who(const RunReport& run) {
    return run.label + (run.control ? " (control, did not move)" : "");
}

std::string period_lines(const PathReport& path) {
    if (path.longest.empty()) {
        return "";
    }
    std::string text =
        fmt::format("\n  {:<23}  {:<23}  {:>6}\n", "first lost (UTC)", "last lost (UTC)", "lost");
    for (const TellingPeriod& telling : path.longest) {
        const PeriodText words = period_text(telling);
        text += fmt::format("  {:<23}  {:<23}  {:>6}\n", words.begin, words.end, words.lost);
        std::string beside = "for " + words.length;
        beside += words.meanwhile.empty() ? "" : "; meanwhile lost: " + words.meanwhile;
        text += wrapped(beside, "    ", "    ");
    }
    if (const size_t more = path.periods.size() - path.longest.size(); more != 0) {
        text += wrapped(
            fmt::format("These are the longest; {} more stand in the raw data.", grouped(more)),
            "  ", "  ");
    }
    return text;
}

std::string path_lines(const PathReport& path) {
    std::string text = "\n" + wrapped(path_name(path), "", "  ");
    for (const std::string& words : path_words(path)) {
        text += wrapped(words, "  ", "  ");
    }
    return text + period_lines(path);
}

// One row an hour, or a part of it where the run is short: the worst of it stands beside.
std::string over_time(const PathReport& path) {
    std::string text = fmt::format("\n  {:<19} {:>7} {:>8} {:>8} {:>8} {:>8} {:>8}\n", "from (UTC)",
                                   "loss %", "worst s", "min ms", "p50 ms", "p95 ms", "max ms");
    for (const Bucket& bucket : path.coarse.buckets) {
        text += fmt::format("  {:<19} ", utc(bucket.begin).substr(0, 19));
        text += bucket.probes == 0
                    ? fmt::format("{:>7} {:>8}", "-", "-")
                    : fmt::format("{:>7.3f} {:>8.1f}", loss_pct(bucket), bucket.worst_second_pct);
        text += bucket.rtt
                    ? fmt::format(" {:>8.3f} {:>8.3f} {:>8.3f} {:>8.3f}\n", bucket.rtt->min_ms,
                                  bucket.rtt->p50_ms, bucket.rtt->p95_ms, bucket.rtt->max_ms)
                    : fmt::format(" {:>8} {:>8} {:>8} {:>8}\n", "-", "-", "-", "-");
    }
    return text;
}

std::string run_lines(const RunReport& run) {
    std::string text = heading("Carrier " + who(run));
    for (const PathReport& path : run.paths) {
        text += path_lines(path) + over_time(path);
    }
    text += items(fmt::format("{}: what was not the carrier's", run.label), not_the_carriers(run));
    text += items(fmt::format("{}: events", run.label), events_of(run));
    text += heading(fmt::format("{}: what was sent", run.label));
    for (const auto& [what, value] : sent_facts(run)) {
        text += wrapped(fmt::format("{}: {}", what, value), "", "  ");
    }
    return text;
}

std::string file_lines(const Report& report) {
    std::string text;
    for (const RunReport& run : report.runs) {
        for (const RawFile& file : run.raw) {
            text +=
                fmt::format("{} ({} bytes)\n  {}\n", file.name, grouped(file.bytes), file.sha256);
        }
    }
    return text.empty()
               ? text
               : heading("Raw data, with SHA-256 sums") + paragraph(std::string(raw_words)) + text;
}

}  // namespace

std::string verdicts_text(const Report& report) {
    std::string text;
    for (const RunReport& run : report.runs) {
        text += wrapped(fmt::format("{}: {}", who(run), headline_text(run.headline)), "", "  ");
        text += wrapped(verdict_text(run), "  ", "  ");
        if (const std::string control = control_text(run, report); !control.empty()) {
            text += wrapped(control, "  ", "  ");
        }
        text += "\n";
    }
    return text;
}

std::string to_text(const Report& report) {
    std::string text = "Loss and delay by carrier\n=========================\n";
    text += paragraph(fmt::format("Made {} UTC by {}. All times are UTC.",
                                  utc(report.made_at * 1000).substr(0, 19), report.program));
    text += "\n" + verdicts_text(report);
    for (const RunReport& run : report.runs) {
        text += run_lines(run);
    }
    text += items("What this cannot tell", limits_of(report));
    return text + file_lines(report);
}

}  // namespace rehome::probe
