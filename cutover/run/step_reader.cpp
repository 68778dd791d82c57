// Numbers may stand as text, since a variable can stand nowhere else.
#include "cutover/run/step_reader.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "cutover/run/number.h"
#include "cutover/run/scope.h"

namespace rehome::cutover {

namespace {

using nlohmann::json;

// An object of the playbook, where it stands, and where its mistakes go.
struct Reader {
    const json& object;
    std::string at;
    Mistakes& mistakes;

    bool has(const char* key) const { return object.contains(key); }

    std::string text(const char* key) const { return object.value(key, std::string()); }

    Argv argv(const char* key) const { return object.value(key, Argv()); }

    bool flag(const char* key) const { return object.value(key, false); }

    std::optional<double> number(const char* key) const {
        if (!has(key)) {
            return std::nullopt;
        }
        const json& value = object.at(key);
        const auto result = value.is_string() ? parse_number(value.get_ref<const std::string&>())
                                              : std::optional<double>(value.get<double>());
        if (!result) {
            mistakes.add(at + "/" + key,
                         in_quotes(value.get_ref<const std::string&>()) + " is not a number");
        }
        return result;
    }

    Seconds seconds(const char* key, Seconds otherwise) const {
        const double value = number(key).value_or(otherwise.count());
        if (value < 0 || value > 604'800) {
            mistakes.add(at + "/" + key, "expected 0 to 604800 seconds");
        }
        return Seconds(value);
    }

    // A time in which something is to happen.
    Seconds limit(const char* key, Seconds otherwise) const {
        const Seconds value = seconds(key, otherwise);
        if (value == Seconds(0)) {
            mistakes.add(at + "/" + key, "0 s are over at once, expected more");
        }
        return value;
    }

    unsigned count(const char* key, unsigned otherwise) const {
        const double value = number(key).value_or(otherwise);
        if (has(key) && (value < 1 || value > 1e6 || value != std::floor(value))) {
            mistakes.add(at + "/" + key, "expected a whole number, 1 to 1000000");
            return otherwise;
        }
        return static_cast<unsigned>(value);
    }

    Reader inside(const char* key) const { return {object.at(key), at + "/" + key, mistakes}; }
};

// A text that reads as a number or a truth value is one, as a variable may have put it there.
std::variant<double, bool, std::string> expected_value(const json& value) {
    if (value.is_boolean()) {
        return value.get<bool>();
    }
    if (value.is_number()) {
        return value.get<double>();
    }
    const auto& text = value.get_ref<const std::string&>();
    if (const auto number = parse_number(text)) {
        return *number;
    }
    if (text == "true" || text == "false") {
        return text == "true";
    }
    return text;
}

Figure read_figure(const Reader& reader) {
    Figure figure;
    figure.pointer = reader.text("pointer");
    figure.of = reader.text("of");
    figure.since_start = reader.flag("since_start");
    figure.since = reader.text("since");
    figure.at_once = reader.flag("at_once");
    figure.min = reader.number("min");
    figure.max = reader.number("max");
    if (reader.has("equals")) {
        figure.equals = expected_value(reader.object.at("equals"));
    }
    if (!reader.has("min") && !reader.has("max") && !reader.has("equals")) {
        reader.mistakes.add(reader.at, "asks for nothing, expected min, max or equals");
    }
    if (!figure.of.empty() + figure.since_start + !figure.since.empty() > 1) {
        reader.mistakes.add(reader.at, "of, since_start and since exclude each other");
    }
    return figure;
}

std::vector<Figure> read_figures(const std::vector<Placed>& placed, Mistakes& mistakes) {
    std::vector<Figure> figures;
    figures.reserve(placed.size());
    for (const Placed& figure : placed) {
        figures.push_back(read_figure({figure.object, figure.at, mistakes}));
    }
    return figures;
}

// A check is a command alone, or a command and figures.
Sample read_check(const Reader& check) {
    Sample sample;
    if (check.object.is_array()) {
        sample.command = check.object.get<Argv>();
        return sample;
    }
    if (!check.has("command")) {
        check.mistakes.add(check.at, "has no command");
    }
    sample.command = check.argv("command");
    return sample;
}

More read_more(const Reader& reader) {
    More more;
    more.step = reader.text("step");
    more.looks = reader.count("looks", more.looks);
    more.option = reader.text("option");
    return more;
}

Gate read_gate(const Reader& reader) {
    Gate gate;
    gate.sample.command = reader.argv("command");
    gate.sample.fresh = reader.text("fresh");
    gate.sample.max_age = reader.limit("max_age_s", gate.sample.max_age);
    gate.lasting = reader.seconds("for_s", gate.lasting);
    gate.every = reader.seconds("every_s", gate.every);
    gate.good = reader.count("good", gate.good);
    gate.tries = reader.count("tries", gate.tries);
    if (reader.has("more")) {
        gate.more = read_more(reader.inside("more"));
    }
    // Without a pause a gate would keep a core busy.
    if (gate.every < Seconds(0.01) && gate.tries != 1) {
        reader.mistakes.add(reader.at + "/every_s", "expected at least 0.01");
    }
    return gate;
}

// Blindly nothing is done twice.
void read_retry(const Reader& reader, Step& step) {
    constexpr unsigned most = 100;
    const Reader retry = reader.inside("retry");
    step.retry.times = retry.count("times", 1);
    step.retry.every = retry.seconds("every_s", step.retry.every);
    if (step.retry.times > most) {
        retry.mistakes.add(retry.at + "/times", fmt::format("expected at most {}", most));
    }
    if (!reader.has("check") && !step.repeatable) {
        retry.mistakes.add(retry.at,
                           "nobody could tell whether it is done, expected a check or repeatable");
    }
}

// How its commands are treated by the hand that runs them.
void read_ways(const Reader& reader, Step& step) {
    step.survives = reader.flag("survives");
    step.leaves = reader.argv("leaves");
}

void read_act(const Reader& reader, Step& step) {
    step.act = reader.argv("do");
    step.undo = reader.argv("undo");
    step.save = reader.text("save");
    step.repeatable = reader.flag("repeatable");
    if (reader.has("retry")) {
        read_retry(reader, step);
    }
    read_ways(reader, step);
    if (reader.has("check")) {
        const Reader check = reader.inside("check");
        step.check = read_check(check);
        step.was = check.object.is_object() ? check.object.value("was", Kept()) : Kept();
    }
}

bool is_of_undo(std::string_view key) {
    return key == "undo" || key == "survives" || key == "leaves";
}

// A gate and a hold change nothing, so that they have nothing to check, undo or save.
void refuse_act_keys(const Reader& reader, const char* kind, bool may_undo = false) {
    for (const char* key : {"check", "undo", "save", "repeatable", "retry", "survives", "leaves"}) {
        if (reader.has(key) && !(may_undo && is_of_undo(key))) {
            reader.mistakes.add(reader.at + "/" + key,
                                fmt::format("does not belong to a {}", kind));
        }
    }
}

void read_kind(const Reader& reader, Step& step) {
    const int kinds = reader.has("do") + reader.has("gate") + reader.has("hold");
    if (kinds == 0 && reader.has("undo")) {
        step.kind = Step::Kind::way_back;
        refuse_act_keys(reader, "step that has only an undo", true);
        step.undo = reader.argv("undo");
        read_ways(reader, step);
    } else if (kinds != 1) {
        reader.mistakes.add(reader.at,
                            "expected exactly one of do, gate and hold, or an undo alone");
    } else if (reader.has("do")) {
        read_act(reader, step);
    } else if (reader.has("gate")) {
        step.kind = Step::Kind::gate;
        refuse_act_keys(reader, "gate");
        step.gate = read_gate(reader.inside("gate"));
    } else {
        step.kind = Step::Kind::hold;
        refuse_act_keys(reader, "hold");
        step.question = reader.text("hold");
    }
}

void read_place(const Reader& reader, const Inventory& inventory, Step& step) {
    step.on = reader.text("on");
    if (!reader.has("on")) {
        return;
    }
    auto host = place(inventory, step.on);
    if (host) {
        step.host = *host;
    } else {
        reader.mistakes.add(reader.at + "/on", host.error().what);
    }
}

}  // namespace

Guard read_guard(const Placed& placed, const std::vector<Placed>& figures,
                 const Inventory& inventory, Mistakes& mistakes) {
    const Reader reader{placed.object, placed.at, mistakes};
    Guard guard;
    Step& step = guard.step;
    step.kind = Step::Kind::gate;
    step.at = placed.at;
    step.name = reader.text("name");
    step.stage = "guard";
    step.id = step.stage + "/" + step.name;
    step.timeout = reader.limit("timeout_s", Seconds(5));
    read_place(reader, inventory, step);
    step.gate = read_gate(reader);
    step.gate.sample.figures = read_figures(figures, mistakes);
    guard.blind = reader.seconds("blind_s", guard.blind);
    const auto not_in = placed.object.value("not_in", std::vector<std::string>());
    guard.not_in.insert(not_in.begin(), not_in.end());
    return guard;
}

Step read_step(const Placed& placed, const std::vector<Placed>& figures, const std::string& stage,
               const Inventory& inventory, Mistakes& mistakes) {
    const Reader reader{placed.object, placed.at, mistakes};
    Step step;
    step.name = reader.text("name");
    step.at = placed.at;
    step.stage = stage;
    step.id = stage + "/" + step.name;
    step.timeout = reader.limit("timeout_s", step.timeout);
    if (reader.has("after")) {
        step.after = reader.argv("after");
        if (!reader.has("undo")) {
            mistakes.add(placed.at + "/after", "belongs to an undo, and there is none");
        }
    }
    read_place(reader, inventory, step);
    read_kind(reader, step);
    (step.check ? step.check->figures : step.gate.sample.figures) = read_figures(figures, mistakes);
    return step;
}

}  // namespace rehome::cutover
