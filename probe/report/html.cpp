// See html.h.
#include "probe/report/html.h"

#include <fmt/format.h>

#include <array>

#include "common/base64.h"
#include "common/sha256.h"
#include "probe/report/escape.h"
#include "probe/report/graph_data.h"
#include "probe/report/page.h"
#include "probe/report/words.h"

namespace rehome::probe {

namespace {

// ---- marks --------------------------------------------------------------------------------------

// A carrier's line as the graphs draw it (report.js has the same dashes and marks).
std::string key_of(size_t place) {
    constexpr std::array<const char*, 6> dashes{"", "8 4", "2 3", "12 4 2 4", "5 2", "16 5"};
    constexpr std::array<const char*, 4> marks{
        "<circle cx=\"24\" cy=\"8\" r=\"4\"/>", "<path d=\"M20 4h8v8h-8z\"/>",
        "<path d=\"M24 3l5 9h-10z\"/>", "<path d=\"M24 2l6 6-6 6-6-6z\"/>"};
    return fmt::format(
        "<svg class=\"key s{}\" viewBox=\"0 0 48 16\" aria-hidden=\"true\" fill=\"currentColor\">"
        "<path d=\"M0 8h48\" stroke=\"currentColor\" stroke-width=\"2.5\" "
        "stroke-dasharray=\"{}\"/>{}</svg>",
        place % 6, dashes[place % dashes.size()], marks[place % marks.size()]);
}

std::string line_key(size_t place, size_t colour, std::string_view what) {
    constexpr std::array<const char*, 3> dashes{"", "8 4", "2 3"};
    return fmt::format(
        "<li class=\"s{}\"><svg class=\"key\" viewBox=\"0 0 48 16\" aria-hidden=\"true\"><path "
        "d=\"M0 8h48\" stroke=\"currentColor\" stroke-width=\"2.5\" stroke-dasharray=\"{}\"/></svg>"
        "<span>{}</span></li>",
        colour, dashes[place % dashes.size()], what);
}

// ---- parts --------------------------------------------------------------------------------------

// "95 %" stays on one line.
std::string prose(std::string_view text) {
    std::string html = in_html(text);
    for (size_t at = html.find(" %"); at != std::string::npos; at = html.find(" %", at)) {
        html.replace(at, 1, "&nbsp;");
    }
    return html;
}

std::string paragraph(std::string_view text) {
    return text.empty() ? "" : fmt::format("<p>{}</p>\n", prose(text));
}

std::string list(std::string_view title, const std::vector<std::string>& items) {
    if (items.empty()) {
        return "";
    }
    std::string html = fmt::format("<h3>{}</h3>\n<ul>\n", in_html(title));
    for (const std::string& item : items) {
        html += fmt::format("<li>{}</li>\n", in_html(item));
    }
    return html + "</ul>\n";
}

std::string_view tone(Headline headline) {
    switch (headline) {
        case Headline::worse:
        case Headline::loss:
            return "bad";
        case Headline::no_worse:
        case Headline::no_loss:
            return "good";
        case Headline::cannot_tell:
            break;
    }
    return "open";
}

std::string verdict(const RunReport& run, size_t place, const Report& report) {
    return fmt::format(
        "<article class=\"verdict {}\">\n<h2>{}{}{}: <span class=\"word\">{}</span></h2>\n{}{}"
        "</article>\n",
        tone(run.headline), key_of(place), in_html(run.label),
        run.control ? " (control, did not move)" : "", headline_text(run.headline),
        paragraph(verdict_text(run)), paragraph(control_text(run, report)));
}

std::string graph(std::string_view kind, const std::string& at, const std::string& caption,
                  const std::string& keys) {
    return fmt::format(
        "<figure><figcaption>{}</figcaption>\n<div class=\"graph\" role=\"img\" aria-label=\"{}; "
        "the table beneath says the same\" data-kind=\"{}\" data-at=\"{}\"></div>\n<ul "
        "class=\"keys\">{}</ul></figure>\n",
        caption, caption, kind, at, keys);
}

std::string over_time(const PathReport& path) {
    std::string html =
        "<details><summary>The same as a table</summary><div class=\"wide\"><table>\n<tr><th>from "
        "(UTC)</th><th class=\"n\">probes</th><th class=\"n\">lost</th><th class=\"n\">loss "
        "%</th><th class=\"n\">worst second %</th><th class=\"n\">min ms</th><th "
        "class=\"n\">median</th><th class=\"n\">95th</th><th class=\"n\">max ms</th></tr>\n";
    for (const Bucket& bucket : path.coarse.buckets) {
        html += fmt::format(
            "<tr><td class=\"t\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>",
            utc(bucket.begin).substr(0, 19), grouped(bucket.probes), grouped(bucket.lost));
        html += bucket.probes == 0
                    ? "<td class=\"n\">-</td><td class=\"n\">-</td>"
                    : fmt::format("<td class=\"n\">{:.3f}</td><td class=\"n\">{:.1f}</td>",
                                  loss_pct(bucket), bucket.worst_second_pct);
        for (const double Spread::*of :
             {&Spread::min_ms, &Spread::p50_ms, &Spread::p95_ms, &Spread::max_ms}) {
            html += bucket.rtt ? fmt::format("<td class=\"n\">{:.3f}</td>", *bucket.rtt.*of)
                               : "<td class=\"n\">-</td>";
        }
        html += "</tr>\n";
    }
    return html + "</table></div></details>\n";
}

std::string periods(const PathReport& path) {
    if (path.longest.empty()) {
        return "";
    }
    std::string html =
        "<h4>Loss periods (RFC 3357)</h4>\n<div class=\"wide\"><table>\n<tr><th>first lost "
        "(UTC)</th><th>last lost (UTC)</th><th>lasted</th><th class=\"n\">lost</th><th>meanwhile "
        "lost</th></tr>\n";
    for (const TellingPeriod& telling : path.longest) {
        const PeriodText words = period_text(telling);
        html += fmt::format(
            "<tr><td class=\"t\">{}</td><td class=\"t\">{}</td><td>{}</td><td class=\"n\">{}</td>"
            "<td>{}</td></tr>\n",
            words.begin, words.end, words.length, words.lost,
            words.meanwhile.empty() ? "-" : in_html(words.meanwhile));
    }
    html += "</table></div>\n";
    const size_t more = path.periods.size() - path.longest.size();
    return html + (more == 0 ? ""
                             : fmt::format("<p class=\"soft\">These are the longest; {} more stand "
                                           "in the raw data.</p>\n",
                                           grouped(more)));
}

std::string path_section(const PathReport& path, size_t run, size_t place) {
    const std::string at = fmt::format("[{},{}]", run, place);
    const std::string name = in_html(path_name(path));
    std::string html = fmt::format("<h3>{}</h3>\n", name);
    for (const std::string& words : path_words(path)) {
        html += paragraph(words);
    }
    return html +
           graph("loss", at, "Loss in % over time (UTC)",
                 line_key(0, 0, fmt::format("of each {}", length_text(path.timeline.width))) +
                     line_key(2, 1, "of its worst second")) +
           graph("delay", at, "Round trip in ms over time (UTC)",
                 line_key(0, 0, "median, in a band from the lowest to the highest") +
                     line_key(1, 1, "95th percentile")) +
           over_time(path) + periods(path);
}

std::string facts(const RunReport& run) {
    std::string html = "<h3>What was sent</h3>\n<table class=\"facts\">\n";
    for (const auto& [what, value] : sent_facts(run)) {
        html += fmt::format("<tr><th>{}</th><td>{}</td></tr>\n", in_html(what), in_html(value));
    }
    return html + "</table>\n";
}

std::string run_section(const RunReport& run, size_t place) {
    std::string html = fmt::format("<section>\n<h2>{}{}</h2>\n", key_of(place), in_html(run.label));
    for (size_t i = 0; i < run.paths.size(); ++i) {
        html += path_section(run.paths[i], place, i);
    }
    return html + list("What was not the carrier's", not_the_carriers(run)) +
           list("Events", events_of(run)) + facts(run) + "</section>\n";
}

// ---- all carriers at a time ---------------------------------------------------------------------

std::string together(const Report& report) {
    constexpr size_t most = 4;
    std::string html;
    for (const Shared& shared : shared_paths(report, most)) {
        std::string keys;
        std::string ats;
        for (const auto& [run, path] : shared.places) {
            keys += fmt::format("<li>{}<span>{}</span></li>", key_of(run),
                                in_html(report.runs[run].label));
            ats += fmt::format("{}[{},{}]", ats.empty() ? "" : ",", run, path);
        }
        const std::string name = in_html(shared.name);
        html += graph("losses", "[" + ats + "]", name + ": loss in % over time (UTC)", keys) +
                graph("delays", "[" + ats + "]", name + ": median round trip in ms (UTC)", keys);
    }
    return html.empty()
               ? ""
               : "<section>\n<h2>All carriers, side by side</h2>\n" + html + "</section>\n";
}

std::string files(const Report& report) {
    std::string rows;
    for (const RunReport& run : report.runs) {
        for (const RawFile& file : run.raw) {
            rows += fmt::format(
                "<tr><td>{}<br><span class=\"sum\">{}</span></td><td class=\"n\">{}</td></tr>\n",
                in_html(file.name), in_html(file.sha256), grouped(file.bytes));
        }
    }
    return rows.empty() ? ""
                        : fmt::format(
                              "<section>\n<h2>Raw data</h2>\n<p>{}</p>\n<table>\n<tr><th>file, "
                              "SHA-256</th><th class=\"n\">bytes</th></tr>\n{}</table>\n"
                              "</section>\n",
                              in_html(raw_words), rows);
}

std::string sum_of(std::string_view text) {
    Sha256 sum;
    sum.add(text);
    return fmt::format("'sha256-{}'", to_base64(sum.finish()));
}

std::string head() {
    return fmt::format(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta "
        "http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; script-src {} {}; "
        "style-src {}; base-uri 'none'; form-action 'none'\">\n<meta name=\"viewport\" "
        "content=\"width=device-width, initial-scale=1\">\n<meta name=\"color-scheme\" "
        "content=\"light dark\">\n<title>Loss and delay by carrier</title>\n<style>{}</style>\n"
        "</head>\n<body>\n",
        sum_of(page_graphs()), sum_of(page_script()), sum_of(page_style()), page_style());
}

}  // namespace

std::string to_html(const Report& report) {
    std::string html = head();
    html += fmt::format(
        "<header>\n<h1>Loss and delay by carrier</h1>\n<p class=\"soft\">Made {} UTC "
        "by {}. All times are UTC.</p>\n</header>\n<main>\n<div "
        "class=\"verdicts\">\n",
        utc(report.made_at * 1000).substr(0, 19), in_html(report.program));
    for (size_t i = 0; i < report.runs.size(); ++i) {
        html += verdict(report.runs[i], i, report);
    }
    html +=
        "</div>\n<noscript><p class=\"soft\">The graphs need JavaScript; the tables beneath them "
        "say the same.</p></noscript>\n<p class=\"soft hint\">In a graph: drag to look closer, "
        "double-click to go back.</p>\n";
    html += together(report);
    for (size_t i = 0; i < report.runs.size(); ++i) {
        html += run_section(report.runs[i], i);
    }
    html += "<section>\n<h2>What this cannot tell</h2>\n<ul>\n";
    for (const std::string& limit : limits_of(report)) {
        html += fmt::format("<li>{}</li>\n", in_html(limit));
    }
    html += "</ul>\n</section>\n" + files(report) + "</main>\n";
    html += fmt::format("<script type=\"application/json\" id=\"data\">{}</script>\n",
                        graph_data(report));
    html += fmt::format("<script>{}</script>\n<script>{}</script>\n", page_graphs(), page_script());
    return html + "</body>\n</html>\n";
}

}  // namespace rehome::probe
