// See directions.h.
#include "probe/core/directions.h"

#include <algorithm>
#include <iterator>

namespace rehome::probe {

namespace {

using Mirror = Mirrors::Mirror;

uint32_t unreflected_between(const Mirror& before, const Mirror& after) {
    const bool same = before.session == after.session && after.unreflected >= before.unreflected;
    return same ? after.unreflected - before.unreflected : after.unreflected;
}

// By how many places probes are known to have overtaken each other on the way there; at least one,
// as the answers to those that did may be lost.
uint32_t displaced(const std::vector<Mirror>& ordered) {
    uint32_t latest = 0;
    uint32_t most = 1;
    for (const Mirror& mirror : ordered) {
        latest = std::max(latest, mirror.index);
        most = std::max(most, latest - mirror.index);
    }
    return most;
}

// How many are missing of which it is certain that they would have reached the reflector after the
// first answer and before the last one.  ordered: not empty.
uint32_t count_between(const std::vector<Mirror>& ordered, const std::vector<bool>& missing) {
    const auto margin = static_cast<ptrdiff_t>(displaced(ordered));
    const auto probes = static_cast<ptrdiff_t>(missing.size());
    const ptrdiff_t last = ordered.back().index;
    const ptrdiff_t end = last < probes ? last - margin : probes;
    const ptrdiff_t begin = std::min(ptrdiff_t{ordered.front().index} + margin + 1, probes);
    return begin < end ? static_cast<uint32_t>(
                             std::count(missing.begin() + begin, missing.begin() + end, true))
                       : 0;
}

// Why the numbers do not tell; empty: they do.
std::string obstacle(const Mirrors& mirrors, const std::vector<Mirror>& ordered) {
    if (ordered.empty()) {
        return "there was no answer";
    }
    if (mirrors.not_asked()) {
        return "somebody else asked in this session, by forged packets";
    }
    if (mirrors.reported() && !mirrors.stateful()) {
        return "the reflector is stateless";
    }
    const uint32_t offset = ordered.front().sequence - ordered.front().index;
    const bool repeats = std::all_of(ordered.begin(), ordered.end(), [offset](const Mirror& m) {
        return m.sequence - m.index == offset;
    });
    if (!mirrors.reported() && repeats) {
        return mirrors.other_version()
                   ? "the reflector is of another version of this program"
                   : "the reflector is stateless, or does not say that it is not";
    }
    for (size_t i = 1; i < ordered.size(); ++i) {
        const Mirror& before = ordered[i - 1];
        const Mirror& after = ordered[i];
        if (after.sequence <= before.sequence || after.session != before.session) {
            return began_anew;
        }
    }
    std::vector<uint32_t> indices;
    std::transform(ordered.begin(), ordered.end(), std::back_inserter(indices),
                   [](const Mirror& mirror) { return mirror.index; });
    std::sort(indices.begin(), indices.end());
    if (std::adjacent_find(indices.begin(), indices.end()) != indices.end()) {
        return "probes were doubled on the way to the reflector";
    }
    return "";
}

// How many of the run's probes were answered; those that asked at its end are none.
uint32_t count_answered(const std::vector<Mirror>& ordered, size_t probes) {
    std::vector<bool> answered(probes);
    for (const Mirror& mirror : ordered) {
        if (mirror.index < probes) {
            answered[mirror.index] = true;
        }
    }
    return static_cast<uint32_t>(std::count(answered.begin(), answered.end(), true));
}

OneWay one_way(uint32_t lost, uint32_t through, uint32_t unknown) {
    OneWay way{.sent = lost + through, .lost = lost};
    if (way.sent == 0) {
        way.loss_pct_interval = {0, 100};
        return way;
    }
    way.loss_pct = 100.0 * lost / way.sent;
    const double low = binomial_interval(lost, way.sent + unknown).low;
    const double high = binomial_interval(lost + unknown, way.sent + unknown).high;
    way.loss_pct_interval = {100 * low, 100 * high};
    return way;
}

}  // namespace

void Mirrors::take(const Answer& answer) {
    if (!answer.reflector) {
        return;
    }
    const Reflected& told = *answer.reflector;
    const SessionReport report = told.report.value_or(SessionReport{});
    reported_ = reported_ || told.report.has_value();
    stateful_ = stateful_ || report.stateful;
    other_version_ = other_version_ || told.other_version;
    latest_ = std::max(latest_.value_or(0), answer.index);
    mirrors_.push_back({.index = answer.index,
                        .sequence = told.sequence,
                        .sent = told.sent,
                        .session = report.session,
                        .unreflected = report.unreflected});
}

std::vector<Mirror> Mirrors::ordered() const {
    std::vector<Mirror> ordered = mirrors_;
    std::sort(ordered.begin(), ordered.end(), [](const Mirror& one, const Mirror& other) {
        return std::pair(one.sent, one.sequence) < std::pair(other.sent, other.sequence);
    });
    ordered.erase(std::unique(ordered.begin(), ordered.end()), ordered.end());
    return ordered;
}

std::vector<uint32_t> unreflected(const Mirrors& mirrors, const std::vector<bool>& missing) {
    std::vector<uint32_t> found;
    const std::vector<Mirror> ordered = mirrors.ordered();
    uint32_t before = 0;
    uint32_t open = 0;  // refused, and not yet found among the missing
    size_t next = 0;
    for (size_t i = 0; i < ordered.size() && mirrors.reported(); ++i) {
        open += i == 0 ? ordered[i].unreflected : unreflected_between(ordered[i - 1], ordered[i]);
        for (; next < std::min<size_t>(ordered[i].index, missing.size()); ++next) {
            if (missing[next] && before < open) {
                found.push_back(static_cast<uint32_t>(next));
                ++before;
            }
        }
    }
    return found;
}

Directions directions(const Mirrors& mirrors, const std::vector<bool>& missing) {
    std::vector<Mirror> ordered = mirrors.ordered();
    const auto all = static_cast<uint32_t>(std::count(missing.begin(), missing.end(), true));
    Directions told{.why = all == 0 && !ordered.empty() ? "" : obstacle(mirrors, ordered)};
    told.unknown = all;
    if (!told.why.empty()) {
        return told;
    }
    const uint32_t answered = count_answered(ordered, missing.size());
    // A session that began anew unseen has counted no further than answers are missing.
    const uint32_t hidden = mirrors.reported() ? 0 : all;
    std::erase_if(ordered, [hidden](const Mirror& m) { return m.sequence < hidden; });
    if (all != 0 && !ordered.empty()) {
        const uint32_t numbers = ordered.back().sequence - ordered.front().sequence + 1;
        told.backward.lost = numbers - static_cast<uint32_t>(ordered.size());
        const uint32_t between = count_between(ordered, missing);
        told.forward.lost = between - std::min(between, told.backward.lost);
    }
    if (told.backward.lost > all) {
        told = {.why = "more answers are missing than probes"};
        told.unknown = all;
        return told;
    }
    told.unknown = all - told.forward.lost - told.backward.lost;
    told.forward = one_way(told.forward.lost, answered + told.backward.lost, told.unknown);
    told.backward = one_way(told.backward.lost, answered, told.unknown);
    return told;
}

}  // namespace rehome::probe
