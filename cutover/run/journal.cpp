#include "cutover/run/journal.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "common/sha256.h"

namespace rehome::cutover {

namespace {

using nlohmann::ordered_json;

constexpr std::string_view schema = "rehome/journal/3";
constexpr size_t sum_digits = 16;

struct Name {
    Happened what;
    std::string_view name;
};

constexpr std::array<Name, 21> names{{
    {Happened::opened, "opened"},
    {Happened::found, "found"},
    {Happened::begun, "begun"},
    {Happened::done, "done"},
    {Happened::failed, "failed"},
    {Happened::retried, "retried"},
    {Happened::gone_on, "gone_on"},
    {Happened::turned_back, "turned_back"},
    {Happened::undo_begun, "undo_begun"},
    {Happened::undone, "undone"},
    {Happened::unproven, "unproven"},
    {Happened::undo_failed, "undo_failed"},
    {Happened::undo_skipped, "undo_skipped"},
    {Happened::counts_from, "counts_from"},
    {Happened::added, "added"},
    {Happened::asked, "asked"},
    {Happened::answered, "answered"},
    {Happened::stopped, "stopped"},
    {Happened::resumed, "resumed"},
    {Happened::accepted, "accepted"},
    {Happened::finished, "finished"},
}};

std::optional<Happened> parse_happened(std::string_view text) {
    const auto* found =
        std::find_if(names.begin(), names.end(), [text](const Name& n) { return n.name == text; });
    return found == names.end() ? std::nullopt : std::optional(found->what);
}

// Output of commands need not be UTF-8.
std::string dump(const ordered_json& object) {
    return object.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

std::string sum_of(const std::string& previous, std::string_view body) {
    return sha256(previous + std::string(body)).substr(0, sum_digits);
}

std::string sum_member(const std::string& sum) {
    return fmt::format(R"(,"sum":"{}"}})", sum);
}

// {...} becomes {...,"sum":"..."} and the next line's previous sum.
std::string seal(const ordered_json& object, std::string& sum) {
    std::string body = dump(object);
    sum = sum_of(sum, body);
    body.pop_back();
    return body + sum_member(sum) + "\n";
}

// The line's body when its sum is right, and the sum for the next line.
std::optional<std::string> unseal(std::string_view line, std::string& sum) {
    const size_t tail = sum_member(std::string(sum_digits, '0')).size();
    if (line.size() <= tail) {
        return std::nullopt;
    }
    const std::string body = std::string(line.substr(0, line.size() - tail)) + "}";
    const std::string expected = sum_of(sum, body);
    if (line.substr(line.size() - tail) != sum_member(expected)) {
        return std::nullopt;
    }
    sum = expected;
    return body;
}

ordered_json head(Happened what, UnixMicros at) {
    return {{"at", iso8601(at)}, {"what", name(what)}};
}

ordered_json kept_file(const std::string& path, const std::string& text) {
    return {{"path", path}, {"sha256", sha256(text)}, {"text", text}};
}

// The members' types are as the writer made them, as the sum is right; a missing one throws.
Opening read_opening(const ordered_json& object) {
    Opening opening;
    opening.playbook_path = object.at("playbook").at("path");
    opening.playbook = object.at("playbook").at("text");
    opening.inventory_path = object.at("inventory").at("path");
    opening.inventory = object.at("inventory").at("text");
    opening.settings = object.at("settings").get<Settings>();
    opening.run = object.at("run");
    return opening;
}

// One line of the journal into it.
Result<> take_line(const std::string& body, bool first, Journal& into) {
    auto object = ordered_json::parse(body, nullptr, false);
    if (object.is_discarded() || !object.is_object()) {
        return fail(Exit::world, "", "is not a JSON object");
    }
    const auto at = parse_iso8601(object.value("at", ""));
    const auto what = parse_happened(object.value("what", ""));
    if (!at || !what || first != (*what == Happened::opened)) {
        return fail(Exit::world, "", "is no line of a journal, or not in this place");
    }
    if (!first) {
        into.records.push_back({*what, *at, object.value("step", ""), object.value("text", ""),
                                object.value("was", Kept()), object.value("epoch", uint64_t{0}),
                                object.value("choices", std::vector<std::string>()),
                                object.value("by", ""), object.value("unknown", false)});
        return {};
    }
    if (object.value("schema", "") != schema) {
        return fail(Exit::world, "",
                    fmt::format("is of another cutover's journal ({}), expected {}: only the "
                                "cutover that wrote it can resume or undo it",
                                object.value("schema", "no schema"), schema));
    }
    try {
        into.opening = read_opening(object);
        into.opening.at = *at;
    } catch (const ordered_json::exception& missing) {
        return fail(Exit::world, "", missing.what());
    }
    return {};
}

}  // namespace

std::string_view name(Happened what) {
    return names[static_cast<size_t>(what)].name;
}

std::string JournalWriter::line(const Opening& opening) {
    ordered_json object = head(Happened::opened, opening.at);
    object["schema"] = schema;
    object["run"] = opening.run;
    object["settings"] = opening.settings;
    object["playbook"] = kept_file(opening.playbook_path, opening.playbook);
    object["inventory"] = kept_file(opening.inventory_path, opening.inventory);
    return seal(object, sum_);
}

std::string JournalWriter::line(const Record& record) {
    ordered_json object = head(record.what, record.at);
    object["step"] = record.step;
    object["text"] = record.text;
    if (!record.was.empty()) {
        object["was"] = record.was;
    }
    if (record.epoch != 0) {
        object["epoch"] = record.epoch;
    }
    if (!record.choices.empty()) {
        object["choices"] = record.choices;
    }
    if (!record.by.empty()) {
        object["by"] = record.by;
    }
    if (record.unknown) {
        object["unknown"] = true;
    }
    return seal(object, sum_);
}

uint64_t epoch_after(const std::vector<Record>& records) {
    uint64_t epoch = 1;
    for (const Record& record : records) {
        epoch = std::max(epoch, record.epoch);
    }
    return epoch;
}

std::string question_id(const Record& asked) {
    constexpr size_t digits = 6;
    return sha256(fmt::format("{} {} {}", iso8601(asked.at), asked.step, asked.text))
        .substr(0, digits);
}

std::optional<Question> open_question(const std::vector<Record>& records) {
    if (records.empty() || records.back().what != Happened::asked) {
        return std::nullopt;
    }
    const Record& asked = records.back();
    Question question{question_id(asked), asked.step, asked.text, {}};
    for (const std::string& word : asked.choices) {
        if (const auto choice = parse_choice(word)) {
            question.choices.push_back(*choice);
        }
    }
    return question;
}

std::optional<Record> answer_to(const std::vector<Record>& records, std::string_view id) {
    for (size_t i = records.size(); i-- > 1;) {
        if (records[i].what == Happened::answered && records[i - 1].what == Happened::asked &&
            question_id(records[i - 1]) == id) {
            return records[i];
        }
    }
    return std::nullopt;
}

Result<std::optional<Journal>> read_journal(const std::string& file, std::string_view text) {
    Journal journal;
    bool first = true;
    for (size_t number = 1;; ++number) {
        const size_t end = text.find('\n', journal.whole_bytes);
        if (end == std::string_view::npos) {
            break;
        }
        const auto where = [&] { return fmt::format("{}: line {}", file, number); };
        const auto body =
            unseal(text.substr(journal.whole_bytes, end - journal.whole_bytes), journal.last_sum);
        if (!body) {
            return fail(Exit::world, where(),
                        "its sum is wrong: the journal was changed or damaged");
        }
        if (auto taken = take_line(*body, first, journal); !taken) {
            return fail(taken.error().kind, where(), taken.error().what);
        }
        journal.sums.push_back(journal.last_sum);
        journal.whole_bytes = end + 1;
        first = false;
    }
    if (first) {
        return std::optional<Journal>();
    }
    return std::optional(std::move(journal));
}

}  // namespace rehome::cutover
