#include "cutover/hand/message.h"

#include <algorithm>
#include <array>

#include "cutover/hand/message_json.h"

namespace rehome::cutover {

namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr std::string_view order_schema = "rehome/hand-order/1";
constexpr std::string_view tale_schema = "rehome/hand-tale/1";

constexpr std::array<std::string_view, 7> causes{"itself", "time", "silence", "runner",
                                                 "output", "gone", "unbegun"};
constexpr std::array<std::string_view, 2> keepings{"pid_namespace", "subreaper"};

// What argv and names hold need not be UTF-8; they are handed on as bytes.
ordered_json words(const std::vector<std::string>& list) {
    auto array = ordered_json::array();
    for (const std::string& word : list) {
        array.push_back(text_of_bytes(word));
    }
    return array;
}

std::string bytes(const json& text) {
    auto read = bytes_of_text(text.get_ref<const std::string&>());
    if (!read) {
        throw json::other_error::create(500, "a character that stands for no byte", nullptr);
    }
    return std::move(*read);
}

std::vector<std::string> read_words(const json& array) {
    std::vector<std::string> list;
    for (const json& word : array) {
        list.push_back(bytes(word));
    }
    return list;
}

uint64_t count(const json& number) {
    if (!number.is_number_unsigned()) {
        throw json::other_error::create(500, "no count", nullptr);
    }
    return number.get<uint64_t>();
}

Milliseconds milliseconds(const json& number) {
    // A year: what is added to a time does not overflow.
    return Milliseconds(std::min<uint64_t>(count(number), 365ull * 24 * 3600 * 1000));
}

std::string dump(const ordered_json& object) {
    return object.dump(-1, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

// ---- what the runner says -----------------------------------------------------------------------

ordered_json say(const Hello& hello) {
    return {{"say", "hello"},
            {"schema", order_schema},
            {"holder", to_json(hello.holder)},
            {"session", hello.session},
            {"silence_ms", hello.silence.count()},
            {"grace_ms", hello.grace.count()},
            {"lock", hello.lock}};
}

ordered_json say(const Beat& beat) {
    return {{"say", "beat"}, {"number", beat.number}};
}

ordered_json say(const Job& job) {
    ordered_json object{
        {"say", "job"}, {"id", job.id}, {"argv", words(job.argv)}, {"limit_ms", job.limit.count()}};
    if (job.entry) {
        object["entry"] = {{"line", job.entry->line},
                           {"sum", job.entry->sum},
                           {"step", text_of_bytes(job.entry->step)},
                           {"survives", job.entry->survives},
                           {"leaves", words(job.entry->leaves)}};
    }
    return object;
}

ordered_json say(const Recall& recall) {
    return {{"say", "recall"}, {"id", recall.id}, {"line", recall.line}};
}

ordered_json say(const Release& release) {
    return {{"say", "release"}, {"id", release.id}};
}

Hello read_hello(const json& object) {
    if (object.at("schema") != order_schema) {
        throw json::other_error::create(
            500,
            "another cutover's (" + object.at("schema").dump() + "), expected rehome/hand-order/1",
            nullptr);
    }
    return {read_holder(object.at("holder")), object.at("session"),
            milliseconds(object.at("silence_ms")), milliseconds(object.at("grace_ms")),
            object.at("lock")};
}

Job read_job(const json& object) {
    Job job{count(object.at("id")), read_words(object.at("argv")),
            milliseconds(object.at("limit_ms")), std::nullopt};
    if (object.contains("entry")) {
        const json& entry = object["entry"];
        job.entry = Entry{count(entry.at("line")), entry.at("sum"), bytes(entry.at("step")),
                          entry.at("survives"), read_words(entry.at("leaves"))};
    }
    return job;
}

Order read_order(const json& object) {
    const std::string kind = object.at("say");
    if (kind == "hello") {
        return read_hello(object);
    }
    if (kind == "beat") {
        return Beat{count(object.at("number"))};
    }
    if (kind == "job") {
        return read_job(object);
    }
    if (kind == "recall") {
        return Recall{count(object.at("id")), count(object.at("line"))};
    }
    if (kind == "release") {
        return Release{count(object.at("id"))};
    }
    throw json::other_error::create(500, "says " + in_quotes(kind), nullptr);
}

// ---- what the hand tells ------------------------------------------------------------------------

ordered_json tell(const Welcome& welcome) {
    ordered_json object{{"tell", "welcome"},
                        {"schema", tale_schema},
                        {"keeping", name(welcome.keeping)},
                        {"since", welcome.since}};
    if (welcome.head) {
        object["head"] = {{"line", welcome.head->line}, {"sum", welcome.head->sum}};
    }
    return object;
}

ordered_json tell(const Refused& refused) {
    return {{"tell", "refused"}, {"why", refused.why}};
}

ordered_json tell(const Beat& beat) {
    return {{"tell", "beat"}, {"number", beat.number}};
}

ordered_json tell(const Waits& waits) {
    return {{"tell", "waits"}, {"what", waits.what}};
}

ordered_json tell(const Ended& ended) {
    return {{"tell", "ended"}, {"id", ended.id}, {"ending", to_json(ended.ending)}};
}

ordered_json tell(const Recalled& recalled) {
    ordered_json object{{"tell", "recalled"}, {"id", recalled.id}};
    if (recalled.ending) {
        object["ending"] = to_json(*recalled.ending);
    }
    return object;
}

ordered_json tell(const Released& released) {
    return {{"tell", "released"}, {"id", released.id}};
}

Welcome read_welcome(const json& object) {
    if (object.at("schema") != tale_schema) {
        throw json::other_error::create(500, "is another cutover's hand", nullptr);
    }
    Welcome welcome;
    const std::string keeping = object.at("keeping");
    welcome.keeping =
        keeping == name(Keeping::pid_namespace) ? Keeping::pid_namespace : Keeping::subreaper;
    welcome.since = count(object.at("since"));
    if (object.contains("head")) {
        welcome.head = Head{count(object["head"].at("line")), object["head"].at("sum")};
    }
    return welcome;
}

Tale read_tale(const json& object) {
    const std::string kind = object.at("tell");
    if (kind == "welcome") {
        return read_welcome(object);
    }
    if (kind == "refused") {
        return Refused{object.at("why")};
    }
    if (kind == "beat") {
        return Beat{count(object.at("number"))};
    }
    if (kind == "waits") {
        return Waits{object.at("what")};
    }
    if (kind == "ended") {
        return Ended{count(object.at("id")), read_ending(object.at("ending"))};
    }
    if (kind == "recalled") {
        Recalled recalled{count(object.at("id")), std::nullopt};
        if (object.contains("ending")) {
            recalled.ending = read_ending(object["ending"]);
        }
        return recalled;
    }
    if (kind == "released") {
        return Released{count(object.at("id"))};
    }
    throw json::other_error::create(500, "tells " + in_quotes(kind), nullptr);
}

template <typename Message, typename Read>
Result<Message> parse(std::string_view line, const char* whose, Read read) {
    const json object = json::parse(line, nullptr, false);
    if (!object.is_object()) {
        return fail(Exit::world, whose, "says what is no JSON object: " + in_quotes(line));
    }
    try {
        return read(object);
    } catch (const json::exception& wrong) {
        return fail(Exit::world, whose, std::string("says what cannot be: ") + wrong.what());
    }
}

}  // namespace

ordered_json to_json(const Holder& holder) {
    return {{"run", holder.run},
            {"epoch", holder.epoch},
            {"who", text_of_bytes(holder.who)},
            {"pid", holder.pid},
            {"journal", text_of_bytes(holder.journal)},
            {"since", iso8601(holder.since)}};
}

Holder read_holder(const json& object) {
    Holder holder{object.at("run"), count(object.at("epoch")),   bytes(object.at("who")),
                  object.at("pid"), bytes(object.at("journal")), 0};
    const auto since = parse_iso8601(object.at("since").get<std::string>());
    const auto is_digit = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
    if (!since || holder.run.size() != 32 ||
        !std::all_of(holder.run.begin(), holder.run.end(), is_digit)) {
        throw json::other_error::create(500, "no run's id, or no time", nullptr);
    }
    holder.since = *since;
    return holder;
}

ordered_json to_json(const Ending& ending) {
    return {{"code", ending.code},
            {"cause", name(ending.cause)},
            {"out", text_of_bytes(ending.out)},
            {"err", text_of_bytes(ending.err)},
            {"left", ending.left},
            {"put_back", text_of_bytes(ending.put_back)}};
}

Ending read_ending(const json& object) {
    const auto cause = parse_cause(object.at("cause").get<std::string>());
    if (!cause) {
        throw json::other_error::create(500, "no cause", nullptr);
    }
    return {object.at("code"),        *cause,
            bytes(object.at("out")),  bytes(object.at("err")),
            count(object.at("left")), bytes(object.at("put_back"))};
}

std::string line_of(const Order& order) {
    return dump(std::visit([](const auto& one) { return say(one); }, order));
}

std::string line_of(const Tale& tale) {
    return dump(std::visit([](const auto& one) { return tell(one); }, tale));
}

Result<Order> parse_order(std::string_view line) {
    return parse<Order>(line, "runner", read_order);
}

Result<Tale> parse_tale(std::string_view line) {
    return parse<Tale>(line, "hand", read_tale);
}

std::string_view name(Keeping keeping) {
    return keepings[static_cast<size_t>(keeping)];
}

std::string_view name(Cause cause) {
    return causes[static_cast<size_t>(cause)];
}

std::optional<Cause> parse_cause(std::string_view text) {
    const auto* found = std::find(causes.begin(), causes.end(), text);
    return found == causes.end() ? std::nullopt
                                 : std::optional(static_cast<Cause>(found - causes.begin()));
}

std::string text_of_bytes(std::string_view bytes) {
    std::string text;
    text.reserve(bytes.size());
    for (const char c : bytes) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x80) {
            text += c;
        } else {
            text += static_cast<char>(0xc0 | byte >> 6);
            text += static_cast<char>(0x80 | (byte & 0x3f));
        }
    }
    return text;
}

std::optional<std::string> bytes_of_text(std::string_view text) {
    std::string bytes;
    bytes.reserve(text.size());
    for (size_t i = 0; i < text.size(); ++i) {
        const auto byte = static_cast<unsigned char>(text[i]);
        if (byte < 0x80) {
            bytes += text[i];
            continue;
        }
        if ((byte != 0xc2 && byte != 0xc3) || i + 1 == text.size()) {
            return std::nullopt;
        }
        bytes += static_cast<char>(byte << 6 | (static_cast<unsigned char>(text[++i]) & 0x3f));
    }
    return bytes;
}

}  // namespace rehome::cutover
