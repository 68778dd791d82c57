#include "cutover/hand/reign.h"

#include <fmt/format.h>

#include "cutover/hand/message_json.h"

namespace rehome::cutover {

namespace {

using nlohmann::json;
using nlohmann::ordered_json;

std::string first_line(std::string_view text) {
    return std::string(text.substr(0, text.find('\n')));
}

const char* cause_text(Cause cause) {
    switch (cause) {
        case Cause::itself:
        case Cause::time:
        case Cause::unbegun:
            return "";
        case Cause::silence:
            return "its hand ended it, as nothing was heard of cutover any more";
        case Cause::runner:
            return "its hand ended it, as its runner reached the host anew, or another one went on";
        case Cause::output:
            return "its hand ended it, as it printed too much";
        case Cause::gone:
            return "it was killed with its hand, or its host went down";
    }
    return "";
}

}  // namespace

std::string why_not(const Hello& hello, const Reign& reign) {
    if (hello.holder.epoch < reign.epoch) {
        return fmt::format("another cutover has gone on with this run (epoch {}, ours is {})",
                           reign.epoch, hello.holder.epoch);
    }
    if (hello.holder.epoch == reign.epoch && hello.session != reign.session) {
        return fmt::format(
            "another cutover is in epoch {} of this run, too: its journal was "
            "copied; go on with one of them by `cutover resume`",
            reign.epoch);
    }
    return "";
}

std::string why_held(const Hello& hello, const std::optional<Holder>& holder) {
    if (!holder || holder->run == hello.holder.run) {
        return "";
    }
    return fmt::format(
        "is held by another run since {} ({}, process {}, journal {}): go on with "
        "it or back out there (`cutover resume`, `cutover undo`), or, where that "
        "is lost, give it up on this host: cutover hand release --run {}",
        iso8601(holder->since), holder->who, holder->pid, holder->journal, holder->run);
}

Holder held_by(const Hello& hello, const std::optional<Holder>& before) {
    Holder holder = hello.holder;
    if (before && before->run == holder.run) {
        holder.since = before->since;
    }
    return holder;
}

std::string text_of(const Reign& reign) {
    const ordered_json object{{"schema", "rehome/hand-reign/1"},
                              {"epoch", reign.epoch},
                              {"session", reign.session},
                              {"pid", reign.hand.pid},
                              {"start", reign.hand.start},
                              {"boot", reign.hand.boot},
                              {"since", reign.since}};
    return object.dump() + "\n";
}

Result<Reign> parse_reign(const std::string& file, std::string_view text) {
    try {
        const json object = json::parse(text);
        return Reign{object.at("epoch"),
                     object.at("session"),
                     {object.at("pid"), object.at("start"), object.at("boot")},
                     object.at("since")};
    } catch (const json::exception& wrong) {
        return fail(Exit::world, file, wrong.what());
    }
}

std::string text_of(const Holder& holder) {
    ordered_json object{{"schema", "rehome/hand-lock/1"}};
    object.update(to_json(holder));
    return object.dump() + "\n";
}

Result<Holder> parse_holder(const std::string& file, std::string_view text) {
    try {
        return read_holder(json::parse(text));
    } catch (const json::exception& wrong) {
        return fail(
            Exit::world, file,
            std::string("is damaged; where no run is under way here, remove it: ") + wrong.what());
    }
}

std::string why_cut(const Ending& ending) {
    std::string why = cause_text(ending.cause);
    if (!why.empty() && !ending.err.empty()) {
        why += fmt::format(" (exit code {}: {})", ending.code, first_line(ending.err));
    }
    return why;
}

}  // namespace rehome::cutover
