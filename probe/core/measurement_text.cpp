// See measurement_text.h.
#include "probe/core/measurement_text.h"

#include <fmt/format.h>

#include "probe/core/dscp.h"
#include "probe/core/service.h"

namespace rehome::probe {

namespace {

std::string in_parentheses(const std::optional<Interval>& interval, int digits) {
    if (!interval) {
        return "(too few samples for an interval)";
    }
    return fmt::format("(95 %: {:.{}f} to {:.{}f})", interval->low, digits, interval->high, digits);
}

// Of those that are lost: answers that came damaged may be of more.
uint32_t damaged_of(const Counts& counts) {
    return counts.lost - counts.on_path - counts.late - counts.first_lost;
}

// Takes a number and what it counts; only what happened is told.
auto counts_into(std::string& text) {
    return [&text](uint32_t number, std::string_view what) {
        if (number != 0) {
            text += fmt::format("{}{} {}", text.empty() ? "" : ", ", number, what);
        }
    };
}

std::string loss_lines(const Figures& figures) {
    const Counts& counts = figures.counts;
    if (!figures.loss_interval_pct) {
        return "  loss     no sample: nothing was sent or kept by our own side\n";
    }
    std::string text = fmt::format("  loss     {:.3f} % {}; {} of {}", figures.loss_pct,
                                   in_parentheses(figures.loss_interval_pct, 3), counts.lost,
                                   counts.received + counts.lost);
    if (counts.lost != 0) {
        text += fmt::format("; longest run {}\n  lost     {}", counts.longest_loss_run,
                            lost_kinds(figures));
    }
    return text + "\n";
}

}  // namespace

std::string lost_kinds(const Figures& figures) {
    const Counts& counts = figures.counts;
    std::string text;
    const auto tell = counts_into(text);
    tell(counts.on_path,
         figures.service == Service::dead ? "on the path or by the service" : "on the path");
    tell(damaged_of(counts), "damaged");
    tell(counts.first_lost, "at first (the target repeated its answer)");
    tell(counts.late, "answered late");
    return text;
}

std::string service_text(const Figures& figures) {
    return fmt::format("{}; {}", name(*figures.service),
                       figures.path_whole ? "the path is whole" : "nothing came back");
}

std::string one_way_text(std::string_view name, const OneWay& way) {
    return fmt::format("{} {} of {}, {:.3f} % {}", name, way.lost, way.sent, way.loss_pct,
                       in_parentheses(way.loss_pct_interval, 3));
}

namespace {

// Near-end and far-end loss, where there is any.
std::string direction_lines(const Figures& figures) {
    const bool any = figures.directions && figures.counts.on_path != 0;
    if (!any) {
        return "";
    }
    const Directions& directions = *figures.directions;
    if (!directions.why.empty()) {
        return fmt::format("  there or back: cannot tell: {}\n", directions.why);
    }
    return fmt::format("  there    {}\n  back     {}{}\n", one_way_text("lost", directions.forward),
                       one_way_text("lost", directions.backward),
                       directions.unknown != 0
                           ? fmt::format("; of {} it cannot be told", directions.unknown)
                           : "");
}

std::string delay_lines(const Figures& figures) {
    if (!figures.rtt) {
        return "  rtt      no answer\n";
    }
    const Delay& rtt = *figures.rtt;
    std::string text = fmt::format(
        "  rtt      min {:.3f}  p50 {:.3f} {}  p95 {:.3f} {}\n"
        "           p99 {:.3f}  max {:.3f}  mean {:.3f} ms; each within {:.6f} ms\n",
        rtt.min_ms, rtt.p50_ms, in_parentheses(rtt.p50_interval, 3), rtt.p95_ms,
        in_parentheses(rtt.p95_interval, 3), rtt.p99_ms, rtt.max_ms, rtt.mean_ms, rtt.error_ms);
    if (figures.jitter) {
        const Jitter& jitter = *figures.jitter;
        text += fmt::format(
            "  jitter   ipdv mean {:.3f}  p95 {:.3f}  p99 {:.3f};  pdv p95 {:.3f}  p99 {:.3f} ms\n",
            jitter.ipdv_mean_ms, jitter.ipdv_p95_ms, jitter.ipdv_p99_ms, jitter.pdv_p95_ms,
            jitter.pdv_p99_ms);
    }
    if (figures.reflector_p50_ms) {
        text += fmt::format("  target   held a probe for {:.3f} ms (p50, by its own clock)\n",
                            *figures.reflector_p50_ms);
    }
    return text;
}

}  // namespace

std::string besides(const Figures& figures) {
    const Counts& counts = figures.counts;
    std::string text;
    const auto tell = counts_into(text);
    tell(counts.duplicates, "duplicates");
    tell(counts.reordered, "reordered");
    tell(counts.refused, "refused by a reset");
    tell(counts.half_open, "bare ACKs for a half-open port (the path is whole)");
    tell(counts.damaged, "damaged answers");
    tell(counts.unauthentic, "answers without the right HMAC, which count for nothing");
    tell(figures.icmp_errors, "ICMP errors, the last: " + figures.icmp_error);
    tell(figures.timing.sent_unstamped, "sending times by the program, not the kernel");
    tell(figures.timing.received_unstamped, "receiving times by the program, not the kernel");
    return text;
}

namespace {

std::string own_lines(const Figures& figures) {
    std::string text;
    for (const std::string& what : own_losses(figures)) {
        text += fmt::format("  {:<8} {}\n", text.empty() ? "ours" : "", what);
    }
    if (figures.counts.unreflected != 0) {
        text += fmt::format(
            "  far end  {} probes that the reflector did not answer, over its rate or without "
            "room: "
            "no loss of the path\n",
            figures.counts.unreflected);
    }
    if (figures.counts.too_big != 0) {
        text += fmt::format("  TOO BIG  {} probes of {} bytes, no loss; {}\n",
                            figures.counts.too_big, figures.size, figures.too_big);
    }
    if (figures.counts.no_way_out != 0) {
        text += fmt::format("  NO WAY OUT for {} probes, no carrier's loss; {}\n",
                            figures.counts.no_way_out, figures.no_way_out);
    }
    return text;
}

bool is_another(const std::map<std::string, uint32_t>& by, const Route& route) {
    return by.size() > 1 || (by.size() == 1 && by.begin()->first != route.interface);
}

std::string shares(const std::map<std::string, uint32_t>& by) {
    std::string text;
    for (const auto& [interface, count] : by) {
        text += fmt::format("{}{} {}", text.empty() ? "" : ", ", interface, count);
    }
    return text;
}

}  // namespace

std::vector<std::string> other_interfaces(const Figures& figures) {
    std::vector<std::string> list;
    if (is_another(figures.sent_by, figures.route)) {
        list.push_back("sent by " + shares(figures.sent_by));
    }
    if (is_another(figures.answered_by, figures.route)) {
        list.push_back("answers came by " + shares(figures.answered_by));
    }
    return list;
}

namespace {

std::string way_lines(const Figures& figures) {
    std::string text;
    for (const RouteChange& change : figures.route_changes) {
        text += fmt::format("  route    CHANGED at {}: {}\n", iso8601(change.at),
                            change.to ? change.to->text() : "none");
    }
    if (!figures.route_changes.empty()) {
        text += "           the figures mix these ways\n";
    }
    for (const std::string& line : other_interfaces(figures)) {
        text += fmt::format("  ways     {}\n", line);
    }
    return text;
}

std::string to_text(const Figures& figures) {
    std::string services;
    for (const std::string& service : figures.path.services) {
        services += (services.empty() ? " (" : ", ") + service;
    }
    services += services.empty() ? "" : ")";
    std::string text = fmt::format("\n{} {}{}: {} sent, {} received\n", name(figures.path.kind),
                                   figures.path.target_text(), services, figures.counts.sent,
                                   figures.counts.received);
    text += "  flow     " + figures.flow + "\n";
    text += way_lines(figures);
    if (figures.service) {
        text += fmt::format("  service  {}\n", service_text(figures));
    }
    text += loss_lines(figures) + direction_lines(figures) + delay_lines(figures);
    if (const std::string more = besides(figures); !more.empty()) {
        text += fmt::format("  besides  {}\n", more);
    }
    text += own_lines(figures);
    return text + fmt::format("  schedule kept within {:.3f} ms (p99; max {:.3f})\n",
                              figures.timing.behind_p99_ms, figures.timing.behind_max_ms);
}

// What is not as by default.
std::string packets_line(const Plan& plan) {
    std::string line;
    const auto add = [&line](const std::string& what) {
        line += (line.empty() ? "" : ", ") + what;
    };
    if (plan.size != 0) {
        add(fmt::format("packets of {} bytes that may not be fragmented", plan.size));
    }
    if (plan.dscp != 0) {
        add("DSCP " + dscp_text(plan.dscp));
    }
    if (plan.authenticated) {
        add("udp authenticated");
    }
    return line.empty() ? line : line + "\n";
}

}  // namespace

std::vector<std::string> own_losses(const Figures& figures) {
    const OwnLoss& own = figures.own;
    std::vector<std::string> losses;
    const auto tell = [&losses](uint32_t number, const std::string& what) {
        if (number != 0) {
            losses.push_back(fmt::format("{} {}", number, what));
        }
    };
    tell(own.not_sent, "not sent: " + own.send_error);
    tell(own.filtered_out, "not sent: a packet filter of this host");
    tell(figures.counts.elsewhere, "answers that came by another interface than asked for");
    tell(own.filtered_in, "answers that came in and were dropped by a filter of this host");
    tell(own.receive_dropped, "answers dropped by our own full buffer");
    tell(own.skipped,
         fmt::format("slots left out; this host was up to {:.1f} ms behind", own.longest_pause_ms));
    return losses;
}

std::vector<std::string> failures_of(const Measurement& measurement) {
    std::vector<std::string> failures;
    const auto add = [&failures](const Figures& figures, std::string what) {
        failures.push_back(fmt::format("{} {}: {}", name(figures.path.kind),
                                       figures.path.target_text(), std::move(what)));
    };
    for (const Figures& figures : measurement.kinds) {
        const Counts& counts = figures.counts;
        if (counts.no_way_out != 0) {
            add(figures, fmt::format("no way out for {} of its probes: {}", counts.no_way_out,
                                     figures.no_way_out));
        }
        if (counts.too_big != 0) {
            add(figures, fmt::format("{} of its probes, of {} bytes, were {}", counts.too_big,
                                     figures.size, figures.too_big));
        }
    }
    return failures;
}

namespace {

std::string record_line(const RecordKept& record) {
    std::string text = fmt::format("recorded in {}: {} probes", record.file, record.rows);
    if (record.dropped != 0) {
        text += fmt::format(", {} ARE MISSING", record.dropped);
    }
    return text + (record.error.empty() ? "" : "; it ENDS EARLY: " + record.error) + "\n";
}

}  // namespace

std::string heading(const Plan& plan) {
    const std::string sampling = plan.sampling == Sampling::poisson
                                     ? fmt::format("Poisson sampling (seed {})", plan.seed)
                                     : "periodic sampling";
    std::string who = fmt::format("carrier {} {}", plan.carrier, text(plan.binding));
    if (plan.other_source) {
        who += ", and from " + plan.other_source->text();
    }
    if (!plan.left_out.empty()) {
        who += fmt::format("\nleft out, as there is no source of their family: {}",
                           fmt::join(plan.left_out, ", "));
    }
    return fmt::format("{}\n{} probes a path at {:g}/s, {}, an answer after {} ms is a loss\n{}",
                       who, plan.count, plan.rate_pps, sampling, plan.wait / 1'000'000,
                       packets_line(plan));
}

std::string route_line(const Path& path, const Route& route) {
    return fmt::format("{} {} goes by {}\n", name(path.kind), path.target_text(), route.text());
}

std::string to_text(const Measurement& measurement) {
    std::string text;
    for (const Figures& figures : measurement.kinds) {
        text += to_text(figures);
    }
    text +=
        fmt::format("\nfrom {} to {}{}; clock resolution {:g} ms, {}\n", iso8601(measurement.at),
                    iso8601(measurement.ended), measurement.interrupted ? " (cut short)" : "",
                    measurement.clock.resolution_ms,
                    measurement.clock.synchronised ? "synchronised" : "not synchronised");
    for (const CounterRise& rise : measurement.host_counters) {
        text += fmt::format("this host counted meanwhile: {} {} ({})\n", rise.by, rise.meaning,
                            rise.name);
    }
    if (measurement.clock.stepped_ms != 0) {
        text += fmt::format(
            "the clock was set by {:.3f} ms during the run: delays across that "
            "moment are wrong\n",
            measurement.clock.stepped_ms);
    }
    return measurement.record ? text + record_line(*measurement.record) : text;
}

}  // namespace rehome::probe
