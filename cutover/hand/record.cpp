#include "cutover/hand/record.h"

#include <fmt/format.h>

#include <algorithm>

#include "cutover/hand/message_json.h"

namespace rehome::cutover {

namespace {

using nlohmann::json;
using nlohmann::ordered_json;

ordered_json head(const char* what, size_t line, UnixMicros at) {
    return {{"at", iso8601(at)}, {"what", what}, {"line", line}};
}

std::string dump(const ordered_json& object) {
    return object.dump(-1, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

ordered_json words(const Argv& argv) {
    auto array = ordered_json::array();
    for (const std::string& word : argv) {
        array.push_back(text_of_bytes(word));
    }
    return array;
}

ordered_json to_json(const ProcessMark& process) {
    return {{"pid", process.pid}, {"start", process.start}, {"boot", process.boot}};
}

ProcessMark read_process(const json& object) {
    return {object.at("pid"), object.at("start"), object.at("boot")};
}

std::string bytes(const json& text) {
    return bytes_of_text(text.get<std::string>()).value_or("");
}

Argv read_argv(const json& array) {
    Argv argv;
    std::transform(array.begin(), array.end(), std::back_inserter(argv), bytes);
    return argv;
}

void take_begun(const json& object, HandRecord& into) {
    Remembered command;
    command.entry.line = object.at("line");
    command.entry.sum = object.at("sum");
    command.entry.step = bytes(object.at("step"));
    command.entry.survives = object.at("survives");
    command.limit = Milliseconds(object.at("limit_ms").get<int64_t>());
    command.init = read_process(object.at("init"));
    command.begun_at = parse_iso8601(object.at("at").get<std::string>()).value_or(0);
    if (!into.head || into.head->line <= command.entry.line) {
        into.head = Head{command.entry.line, command.entry.sum};
    }
    into.commands[command.entry.line] = std::move(command);
}

void take_line(const json& object, HandRecord& into) {
    const std::string what = object.at("what");
    if (what == "begun") {
        return take_begun(object, into);
    }
    Remembered& command = into.commands.at(object.at("line").get<size_t>());
    if (what == "if_cut") {
        command.if_cut = {read_argv(object.at("argv")),
                          Milliseconds(object.at("limit_ms").get<int64_t>())};
    } else if (what == "left") {
        command.left.push_back({bytes(object.at("name")), read_process(object.at("process"))});
    } else if (what == "ended") {
        command.ending = read_ending(object.at("ending"));
    } else {
        throw json::other_error::create(500, "is no line of a hand", nullptr);
    }
}

}  // namespace

std::string begun_line(const Job& job, const ProcessMark& init, UnixMicros at) {
    ordered_json object = head("begun", job.entry->line, at);
    object["sum"] = job.entry->sum;
    object["step"] = text_of_bytes(job.entry->step);
    object["argv"] = words(job.argv);
    object["limit_ms"] = job.limit.count();
    object["survives"] = job.entry->survives;
    object["init"] = to_json(init);
    return dump(object);
}

std::string if_cut_line(size_t line, const IfCut& if_cut, UnixMicros at) {
    ordered_json object = head("if_cut", line, at);
    object["argv"] = words(if_cut.argv);
    object["limit_ms"] = if_cut.limit.count();
    return dump(object);
}

std::string left_line(size_t line, const LeftBehind& left, UnixMicros at) {
    ordered_json object = head("left", line, at);
    object["name"] = text_of_bytes(left.name);
    object["process"] = to_json(left.process);
    return dump(object);
}

std::string ended_line(size_t line, const Ending& ending, UnixMicros at) {
    ordered_json object = head("ended", line, at);
    object["ending"] = to_json(ending);
    return dump(object);
}

Unended unended(const HandRecord& record, Milliseconds grace, UnixMicros now) {
    Unended all{"", now};
    for (const auto& [line, command] : record.commands) {
        if (command.ending) {
            continue;
        }
        const UnixMicros runs_until =
            command.entry.survives ? command.begun_at + command.limit.count() * 1'000 : now;
        all.until =
            std::max(all.until, runs_until + (grace + command.if_cut.limit).count() * 1'000);
        all.text += (all.text.empty() ? "" : ", ") + command.entry.step;
    }
    all.text += all.text.empty() ? "" : ", which may take until " + iso8601(all.until);
    return all;
}

Result<HandRecord> read_record(const std::string& file, std::string_view text) {
    HandRecord record;
    for (size_t number = 1;; ++number) {
        const size_t end = text.find('\n', record.whole_bytes);
        if (end == std::string_view::npos) {
            return record;
        }
        const auto line = text.substr(record.whole_bytes, end - record.whole_bytes);
        const json object = json::parse(line, nullptr, false);
        const std::string where = fmt::format("{}: line {}", file, number);
        if (!object.is_object()) {
            return fail(Exit::world, where, "is damaged");
        }
        try {
            take_line(object, record);
        } catch (const std::exception& wrong) {
            return fail(Exit::world, where, std::string("is damaged: ") + wrong.what());
        }
        record.whole_bytes = end + 1;
    }
}

}  // namespace rehome::cutover
