#include "cutover/run/before.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cutover/run/figure.h"
#include "cutover/run/number.h"

namespace rehome::cutover {

namespace {

using nlohmann::json;

// What may stand in a command: no null, and nothing that would cut a word or a line.
std::optional<std::string> word_of(const json* value) {
    if (value == nullptr) {
        return std::nullopt;
    }
    if (value->is_boolean() || value->is_number_integer()) {
        return value->dump();
    }
    if (value->is_number()) {
        return number_text(value->get<double>());
    }
    const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20; };
    if (!value->is_string()) {
        return std::nullopt;
    }
    auto text = value->get<std::string>();
    return std::any_of(text.begin(), text.end(), is_control) ? std::nullopt
                                                             : std::optional(std::move(text));
}

// What "was" points to now, or the first pointer that leads to no word.
tl::expected<Kept, std::string> read_was(const Step& step, const std::string& out) {
    const json document = json::parse(out, nullptr, false);
    Kept now;
    for (const auto& [name, pointer] : step.was) {
        auto word = word_of(document.is_discarded() ? nullptr : find_value(document, pointer));
        if (!word) {
            return tl::unexpected(pointer + " is not there");
        }
        now.emplace(name, std::move(*word));
    }
    return now;
}

void replace_all(std::string& text, const std::string& what, const std::string& by) {
    for (size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += by.size()) {
        text.replace(at, what.size(), by);
    }
}

// Each value that is another than it was.
std::string differences(const Step& step, const Kept& was, const Kept& now) {
    std::string text;
    for (const auto& [name, value] : now) {
        const auto before = was.find(name);
        if (before != was.end() && before->second != value) {
            text += fmt::format("{}{} is {}, was {}", text.empty() ? "" : "; ", step.was.at(name),
                                value, before->second);
        }
    }
    return text;
}

}  // namespace

Before read_before(const Step& step, const Result<Finished>& answer) {
    Before before{read_sample(*step.check, answer), {}};
    const Verdict verdict = before.reading.verdict;
    if (verdict == Verdict::good || verdict == Verdict::cannot_tell) {
        return before;
    }
    auto was = read_was(step, answer->out);
    if (was) {
        before.was = std::move(*was);
    } else {
        before.reading = {Verdict::cannot_tell, was.error(), {}};
    }
    return before;
}

Argv undo_with(const Step& step, const Kept& was) {
    Argv argv = step.undo;
    for (std::string& word : argv) {
        for (const auto& [name, value] : was) {
            replace_all(word, "${was." + name + "}", value);
        }
    }
    return argv;
}

UndoProof read_after_undo(const Step& step, const Kept& was, const Result<Finished>& answer) {
    const Reading reading = read_sample(*step.check, answer);
    if (reading.verdict == Verdict::good) {
        return {UndoProof::Verdict::not_undone, "its check still says that it is done"};
    }
    if (reading.verdict == Verdict::cannot_tell) {
        return {UndoProof::Verdict::unproven, reading.why};
    }
    const auto now = read_was(step, answer->out);
    if (!now) {
        return {UndoProof::Verdict::unproven, now.error()};
    }
    const std::string differs = differences(step, was, *now);
    return differs.empty() ? UndoProof{UndoProof::Verdict::undone, ""}
                           : UndoProof{UndoProof::Verdict::not_undone, differs};
}

}  // namespace rehome::cutover
