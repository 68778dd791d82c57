// What a report says of one path; see words.h.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "probe/core/measurement_text.h"
#include "probe/report/words.h"

namespace rehome::probe {

namespace {

// Three decimals, and as many more as show two digits of what is not nothing.
std::string pct_text(double pct) {
    if (pct == 0) {
        return "0";
    }
    const int decimals =
        pct >= 0.01 ? 3 : std::min(9, 1 - static_cast<int>(std::floor(std::log10(pct))));
    return fmt::format("{:.{}f}", pct, decimals);
}

std::string ends(const QuantileEstimate& estimate) {
    if (!estimate.low || !estimate.high) {
        return fmt::format("{:.3f} ms (too few for an interval)", estimate.value);
    }
    return fmt::format("{:.3f} ms (95 %: {:.3f} to {:.3f})", estimate.value,
                       std::max(0.0, *estimate.low), *estimate.high);
}

std::string directions_text(const PathReport& path) {
    const auto& directions = path.figures.directions;
    if (!directions || path.figures.counts.on_path == 0) {
        return "";
    }
    if (!directions->why.empty()) {
        return "There or back cannot be told: " + directions->why + ".";
    }
    return fmt::format("By the reflector's count: {}; {}{}.",
                       one_way_text("lost on the way there", directions->forward),
                       one_way_text("on the way back", directions->backward),
                       directions->unknown == 0
                           ? ""
                           : fmt::format("; of {} it cannot be told", directions->unknown));
}

std::string delay_text(const PathReport& path) {
    if (!path.delay) {
        return "no answer.";
    }
    const DelayFigure& delay = *path.delay;
    std::string text =
        fmt::format("median {}, 95th percentile {}, 99th {}; lowest {:.3f}, highest {:.3f} ms",
                    ends(delay.p50), ends(delay.p95), ends(delay.p99), delay.min_ms, delay.max_ms);
    if (path.figures.rtt) {
        text += fmt::format("; each within {:.6f} ms", path.figures.rtt->error_ms);
    }
    return text + (delay.too_correlated
                       ? ". Delays hung together for so long that the run is worth few independent "
                         "ones: the intervals are those of its parts, widened."
                       : ".");
}

std::string jitter_text(const Jitter& jitter) {
    return fmt::format(
        "Jitter (RFC 3393): mean {:.3f}, 95th percentile {:.3f}, 99th {:.3f} ms between "
        "neighbours.",
        jitter.ipdv_mean_ms, jitter.ipdv_p95_ms, jitter.ipdv_p99_ms);
}

}  // namespace

std::string path_name(const PathReport& path) {
    const Path& of = path.record->path;
    std::string services;
    for (const std::string& service : of.services) {
        services += (services.empty() ? " (" : ", ") + service;
    }
    return fmt::format("{} {}{}{}", name(of.kind), of.target_text(), services,
                       services.empty() ? "" : ")");
}

std::string loss_text(const PathReport& path) {
    const LossFigure& loss = path.loss;
    if (!loss.interval_pct) {
        return "no sample.";
    }
    std::string text = fmt::format(
        "{} of {} probes lost, {} % (95 %: {} to {}).", grouped(loss.lost), grouped(loss.probes),
        pct_text(loss.pct), pct_text(loss.interval_pct->low), pct_text(loss.interval_pct->high));
    if (loss.lost != 0 && loss.lost == path.figures.counts.lost) {
        text += fmt::format(" Lost: {}.", lost_kinds(path.figures));
    }
    if (loss.lost == 0) {
        text += fmt::format(" Bursts that the run did not meet may take up to {} %.",
                            pct_text(loss.unseen_pct));
    }
    return text;
}

std::string periods_text(const PathReport& path) {
    if (path.periods.empty()) {
        return "";
    }
    const auto longest =
        std::max_element(path.periods.begin(), path.periods.end(),
                         [](const LossPeriod& a, const LossPeriod& b) { return a.lost < b.lost; });
    if (longest->lost == 1) {
        return path.periods.size() == 1
                   ? fmt::format("It left at {} UTC.", utc(longest->begin))
                   : fmt::format("Each was lost alone, the first at {} and the last at {} UTC.",
                                 utc(path.periods.front().begin), utc(path.periods.back().begin));
    }
    return fmt::format("{}, {} probes in a row, from {} to {} UTC.",
                       path.periods.size() == 1
                           ? "One loss period"
                           : grouped(path.periods.size()) + " loss periods; the longest",
                       grouped(longest->lost), utc(longest->begin), utc(longest->end));
}

std::vector<std::string> path_words(const PathReport& path) {
    const Figures& figures = path.figures;
    std::vector<std::string> words{"Loss: " + loss_text(path)};
    const auto add = [&words](std::string text) {
        if (!text.empty()) {
            words.push_back(std::move(text));
        }
    };
    add(periods_text(path));
    add(directions_text(path));
    add(path.blames_none.empty() ? "" : "Blames no carrier: " + path.blames_none + ".");
    add(figures.service ? "Service: " + service_text(figures) + "." : "");
    add("Delay: " + delay_text(path));
    add(figures.jitter ? jitter_text(*figures.jitter) : "");
    const std::string more = besides(figures);
    add(more.empty() ? "" : "Besides: " + more + ".");
    return words;
}

PeriodText period_text(const TellingPeriod& telling) {
    const LossPeriod& period = telling.period;
    PeriodText text;
    text.begin = utc(period.begin);
    text.end = utc(period.end);
    text.lost = grouped(period.lost);
    const std::string least = length_text(period.end - period.begin);
    const bool bounded = period.good_before && period.good_after;
    const std::string most = bounded ? length_text(*period.good_after - *period.good_before) : "";
    text.length = !bounded           ? least + " or more"
                  : period.lost == 1 ? "up to " + most
                                     : fmt::format("{} to {}", least, most);
    for (const Meanwhile& other : telling.others) {
        text.meanwhile += fmt::format("{}{} {} of {}", text.meanwhile.empty() ? "" : ", ",
                                      other.run, other.lost, other.probes);
    }
    return text;
}

}  // namespace rehome::probe
