#include "cutover/run/now.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <set>

namespace rehome::cutover {

namespace {

using nlohmann::json;

std::optional<Verdict> parse_verdict(std::string_view text) {
    for (const Verdict verdict :
         {Verdict::good, Verdict::bad, Verdict::cannot_tell, Verdict::fatal}) {
        if (name(verdict) == text) {
            return verdict;
        }
    }
    return std::nullopt;
}

// The file is beside the journal, and has no sum: whatever stands there is read with care.
std::optional<KeptSample> read_kept(std::string_view line) {
    const json object = json::parse(line, nullptr, false);
    if (!object.is_object()) {
        return std::nullopt;
    }
    try {
        const auto at = parse_iso8601(object.at("at").get<std::string>());
        const auto verdict = parse_verdict(object.at("verdict").get<std::string>());
        if (!at || !verdict) {
            return std::nullopt;
        }
        return KeptSample{*at, object.at("step"), *verdict, object.at("figures"),
                          object.at("text")};
    } catch (const json::exception&) {
        return std::nullopt;
    }
}

const Step* find_step(const Plan& plan, const std::string& id) {
    const auto found = std::find_if(plan.steps.begin(), plan.steps.end(),
                                    [&id](const Step& step) { return step.id == id; });
    return found == plan.steps.end() ? nullptr : &*found;
}

std::optional<Record> last(const std::vector<Record>& records, std::set<Happened> kinds) {
    const auto found = std::find_if(records.rbegin(), records.rend(), [&kinds](const Record& one) {
        return kinds.contains(one.what);
    });
    return found == records.rend() ? std::nullopt : std::optional(*found);
}

std::optional<Sighting> sighting_of(const std::string& id, UnixMicros since,
                                    const std::vector<KeptSample>& samples) {
    std::optional<Sighting> sighting;
    for (auto sample = samples.rbegin(); sample != samples.rend(); ++sample) {
        if (sample->step != id || sample->at < since) {
            continue;
        }
        if (!sighting) {
            sighting = Sighting{*sample, sample->at};
        } else if (sample->verdict != sighting->sample.verdict) {
            break;
        }
        sighting->since = sample->at;
    }
    return sighting;
}

// What was begun last, if that has not ended.
const Record* goes_on(const Plan& plan, const Journal& journal, const Progress& progress) {
    const StepState state = progress.backwards ? StepState::undoing : StepState::begun;
    const Happened what = progress.backwards ? Happened::undo_begun : Happened::begun;
    for (auto record = journal.records.rbegin(); record != journal.records.rend(); ++record) {
        const Step* step = record->what == what ? find_step(plan, record->step) : nullptr;
        if (step != nullptr) {
            const auto place = static_cast<size_t>(step - plan.steps.data());
            return progress.steps[place].state == state ? &*record : nullptr;
        }
    }
    return nullptr;
}

std::string waits_for(const Step& step, bool backwards) {
    if (backwards) {
        return fmt::format("its undo to end, {:g} s at most", step.timeout.count());
    }
    switch (step.kind) {
        case Step::Kind::gate:
            return fmt::format("its gate to be good for {:g} s, {:g} s at most",
                               step.gate.lasting.count(), step.timeout.count());
        case Step::Kind::act:
            return fmt::format("its command to end, {:g} s at most", step.timeout.count());
        case Step::Kind::hold:
            return "an answer";
        case Step::Kind::way_back:
            break;
    }
    return "";
}

void add_sightings(const Plan& plan, const std::vector<KeptSample>& samples, Now& now) {
    const Step* step = find_step(plan, now.step);
    if (step != nullptr && step->kind == Step::Kind::gate) {
        if (auto sighting = sighting_of(step->id, now.since, samples)) {
            sighting->lasting = step->gate.lasting;
            now.sightings.push_back(std::move(*sighting));
        }
    }
    for (const Guard& guard : plan.guards) {
        if (auto sighting = sighting_of(guard.step.id, 0, samples)) {
            now.sightings.push_back(std::move(*sighting));
        }
    }
}

}  // namespace

std::vector<KeptSample> read_samples(std::string_view text) {
    std::vector<KeptSample> samples;
    while (!text.empty()) {
        const size_t end = std::min(text.find('\n'), text.size());
        if (auto sample = read_kept(text.substr(0, end))) {
            samples.push_back(std::move(*sample));
        }
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return samples;
}

Now now_of(const Plan& plan, const Journal& journal, const Progress& progress,
           const std::vector<KeptSample>& samples) {
    Now now;
    now.question = open_question(journal.records);
    if (now.question) {
        now.step = now.question->step;
        now.since = journal.records.back().at;
        now.waits_for = "an answer";
    } else if (const Record* record = goes_on(plan, journal, progress)) {
        now.step = record->step;
        now.since = record->at;
        now.waits_for = waits_for(*find_step(plan, record->step), progress.backwards);
    }
    add_sightings(plan, samples, now);
    now.failed = last(journal.records, {Happened::failed, Happened::undo_failed});
    now.turned_back = last(journal.records, {Happened::turned_back});
    now.stopped = last(journal.records, {Happened::stopped, Happened::resumed});
    if (now.stopped && now.stopped->what == Happened::resumed) {
        now.stopped.reset();
    }
    now.undo = left_to_undo(plan, progress);
    now.found = steps_in(progress, StepState::found);
    for (size_t i = 0; i < plan.steps.size(); ++i) {
        const bool act = plan.steps[i].kind == Step::Kind::act;
        if (act && progress.steps[i].begun && plan.steps[i].undo.empty()) {
            now.stays.push_back(i);
        }
        if (!progress.steps[i].gone_on.empty()) {
            now.gone_on.push_back(i);
        }
    }
    return now;
}

std::string duration_text(int64_t us) {
    const int64_t s = std::max<int64_t>(us, 0) / 1'000'000;
    const std::array parts{std::pair{s / 3'600, "h"}, std::pair{s / 60 % 60, "min"},
                           std::pair{s % 60, "s"}};
    std::string text;
    for (const auto& [count, unit] : parts) {
        if (count > 0 || !text.empty()) {
            text += fmt::format("{}{} {}", text.empty() ? "" : " ", count, unit);
        }
    }
    return text.empty() ? "0 s" : text;
}

}  // namespace rehome::cutover
