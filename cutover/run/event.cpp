#include "cutover/run/event.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace rehome::cutover {

namespace {

using nlohmann::ordered_json;

// What commands print need not be UTF-8.
std::string dump(const ordered_json& object) {
    return object.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

}  // namespace

std::string event_text(const Record& record) {
    std::string text = fmt::format("{} {}", iso8601(record.at), name(record.what));
    text += record.step.empty() ? "" : " " + record.step;
    text += record.text.empty() ? "" : ": " + record.text;
    text += record.what == Happened::asked ? " (question " + question_id(record) + ")" : "";
    return text + (record.by.empty() ? "" : ", by " + record.by);
}

std::string event_json(const Record& record) {
    ordered_json object{{"event", name(record.what)}, {"at", iso8601(record.at)}};
    if (!record.step.empty()) {
        object["step"] = record.step;
    }
    object["text"] = record.text;
    if (record.what == Happened::asked) {
        object["question"] = question_id(record);
        object["choices"] = record.choices;
    }
    if (!record.by.empty()) {
        object["by"] = record.by;
    }
    return dump(object);
}

std::string reading_text(const Reading& reading) {
    if (reading.verdict == Reading::Verdict::good) {
        std::string text = "good";
        for (const std::string& figure : reading.shown) {
            text += "; " + figure;
        }
        return text;
    }
    return "not good: " + reading.why;
}

std::string sample_json(const Step& step, const Result<Finished>& answer, const Reading& reading,
                        UnixMicros at) {
    ordered_json object{{"at", iso8601(at)},
                        {"step", step.id},
                        {"verdict", name(reading.verdict)},
                        {"figures", reading.shown},
                        {"text", reading.why}};
    object["exit"] = answer && !answer->timed_out ? ordered_json(answer->code) : ordered_json();
    object["out"] = answer ? answer->out : "";
    object["err"] = answer ? answer->err : answer.error().text();
    return dump(object);
}

std::string notice_json(const std::string& text, UnixMicros at) {
    return dump({{"event", "notice"}, {"at", iso8601(at)}, {"text", text}});
}

std::string reading_json(const Step& step, const Reading& reading, UnixMicros at) {
    return dump({{"event", "reading"},
                 {"at", iso8601(at)},
                 {"step", step.id},
                 {"good", reading.verdict == Reading::Verdict::good},
                 {"figures", reading.shown},
                 {"text", reading.why}});
}

}  // namespace rehome::cutover
