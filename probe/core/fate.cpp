// See fate.h.
#include "probe/core/fate.h"

#include <algorithm>

namespace rehome::probe {

namespace {

bool is_answered(const Sample& sample) {
    return sample.order != 0;
}

// Whether a missing stamp of leaving says that a probe did not leave: the device stamps, as every
// answered probe has a stamp, or nothing at all was stamped or answered while there was no way out.
bool stamps_tell(const Series& series) {
    const auto& samples = series.samples();
    const auto any = [&samples](auto what) {
        return std::any_of(samples.begin(), samples.end(), what);
    };
    const bool unstamped_left =
        any([](const Sample& s) { return is_answered(s) && s.stamped == never; });
    const bool stamped = any([](const Sample& s) { return s.stamped != never; });
    return !unstamped_left && (stamped || !series.tally().no_way_out.empty());
}

// Of an answer that the socket was not given.
Fate fate_of_captured(const Series& series, const Sample& sample, Nanos wait) {
    const Nanos round_trip = sample.captured - sample.departed();
    if (series.is_repeated(round_trip)) {
        return Fate::first_lost;
    }
    if (round_trip > wait) {
        return Fate::late;
    }
    const uint32_t bound_to = series.bound_to();
    const bool by_another = bound_to != 0 && sample.in != 0 && sample.in != bound_to;
    return by_another ? Fate::elsewhere : Fate::undelivered;
}

Fate fate_of_unsent(Unsent unsent) {
    switch (unsent) {
        case Unsent::no_way_out:
            return Fate::no_way_out;
        case Unsent::filtered:
            return Fate::filtered;
        case Unsent::too_big:
            return Fate::too_big;
        case Unsent::no:
        case Unsent::no_room:
            break;
    }
    return Fate::not_sent;
}

// A router tells of too large packets only so often, and there is no way for those of this size.
void take_out_too_big(const Series& series, std::vector<Fate>& fates) {
    if (series.tally().too_big.empty()) {
        return;
    }
    for (size_t i = fates.size(); i > 0 && !is_answered(series.samples()[i - 1]); --i) {
        fates[i - 1] = fates[i - 1] == Fate::on_path ? Fate::too_big : fates[i - 1];
    }
}

}  // namespace

std::optional<Fate> seen_fate(const Series& series, const Sample& sample, Nanos wait) {
    if (is_answered(sample) && sample.repeated) {
        return Fate::first_lost;
    }
    if (is_answered(sample)) {
        return sample.round_trip() <= wait ? Fate::received : Fate::late;
    }
    if (sample.captured != never) {
        return fate_of_captured(series, sample, wait);
    }
    if (sample.unreflected) {
        return Fate::unreflected;
    }
    return sample.unsent != Unsent::no ? std::optional(fate_of_unsent(sample.unsent))
                                       : std::nullopt;
}

std::vector<bool> missing(const std::vector<Fate>& fates) {
    std::vector<bool> missing(fates.size());
    std::transform(fates.begin(), fates.end(), missing.begin(),
                   [](Fate fate) { return fate == Fate::on_path; });
    return missing;
}

void mark_unreflected(Series& series, Nanos wait) {
    if (!series.mirrors().reported()) {
        return;
    }
    for (const uint32_t index : unreflected(series.mirrors(), missing(fates_of(series, wait)))) {
        series.unreflected(index);
    }
}

std::vector<Fate> fates_of(const Series& series, Nanos wait) {
    const bool tell = stamps_tell(series);
    const Fate never_left = series.tally().no_way_out.empty() ? Fate::not_sent : Fate::no_way_out;
    std::vector<Fate> fates;
    fates.reserve(series.samples().size());
    for (const Sample& sample : series.samples()) {
        const Fate unseen = tell && sample.stamped == never ? never_left : Fate::on_path;
        fates.push_back(seen_fate(series, sample, wait).value_or(unseen));
    }
    take_out_too_big(series, fates);
    return fates;
}

std::string_view name(Fate fate) {
    return fate_names.at(static_cast<size_t>(fate));
}

}  // namespace rehome::probe
