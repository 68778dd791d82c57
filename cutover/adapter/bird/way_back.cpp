#include "cutover/adapter/bird/way_back.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>

#include "common/json/file.h"
#include "cutover/adapter/bird/configure.h"

namespace rehome::cutover {

namespace {

std::string note_of(const BirdTarget& target) {
    return target.announce_file + ".before";
}

Result<> merge_into_file(const BirdTarget& target, const AnnounceStates& states) {
    const auto text = read_file(target.announce_file);
    if (!text) {
        return tl::unexpected(text.error());
    }
    const std::string merged = with_states(*text, states);
    return merged == *text ? Result<>() : write_file_atomically(target.announce_file, merged);
}

class WayBack {
public:
    WayBack(const BirdTarget& target, const AnnounceStates& before, std::chrono::milliseconds limit)
        : target_(narrowed(target, before)), before_(before), patience_{limit, nullptr} {}

    Verdict go() {
        // The file first: BIRD would read it at its next start.  BIRD is asked whatever came of
        // that.
        const auto merged = merge_into_file(target_, before_);
        Verdict verdict = bring_back();
        if (!merged) {
            return {Exit::no, "the include file is not: " + merged.error().text()};
        }
        return verdict;
    }

private:
    Verdict bring_back() {
        if (auto reached = reach(); !reached) {
            return cannot_ask(reached.error());
        }
        if (auto undone = undo_ours(); !undone) {
            return cannot_ask(undone.error());
        }
        const auto seen = look();
        if (!seen) {
            return cannot_ask(seen.error());
        }
        if (seen->answer == Exit::no) {
            if (auto loaded = load(); !loaded) {
                return {Exit::no, seen->why + "; " + loaded.error().text() +
                                      offer_to_disable(target_, before_)};
            }
        }
        return wait_until_seen();
    }

    static Verdict cannot_ask(const Error& error) {
        return {Exit::unknown, "cannot tell: " + error.text()};
    }

    Result<> reach() {
        Error last;
        const auto reached = wait_until(patience_, [&]() -> Result<bool> {
            auto bird = BirdClient::connect(target_.socket);
            if (bird) {
                bird_.emplace(std::move(*bird));
            } else {
                last = bird.error();
            }
            return bird.has_value();
        });
        return *reached ? Result<>() : tl::unexpected(last);
    }

    // What waits to be confirmed is ours, or will be undone anyway.  Whether this brought back
    // what was before is not concluded from the reply but looked at.
    Result<> undo_ours() {
        const auto unconfirmed = is_unconfirmed(*bird_);
        if (!unconfirmed) {
            return tl::unexpected(unconfirmed.error());
        }
        if (!*unconfirmed) {
            return {};
        }
        const auto undone = undo(*bird_, patience_);
        return undone ? Result<>() : tl::unexpected(undone.error());
    }

    Result<Verdict> look() {
        const auto view = look_at_bird(*bird_, target_);
        return view ? Result<Verdict>(judge_all(*view, before_)) : tl::unexpected(view.error());
    }

    // For good: a timer would bring back what is to be left.
    Result<> load() {
        const auto taken = check_files(*bird_);
        return taken ? configure(*bird_, 0, patience_) : taken;
    }

    Verdict wait_until_seen() {
        Verdict verdict;
        const auto seen = wait_until(patience_, [&]() -> Result<bool> {
            auto now = look();
            if (!now) {
                return tl::unexpected(now.error());
            }
            verdict = std::move(*now);
            return verdict.answer == Exit::yes;
        });
        return seen ? verdict : cannot_ask(seen.error());
    }

    const BirdTarget target_;
    const AnnounceStates& before_;
    const Patience patience_;
    std::optional<BirdClient> bird_;
};

}  // namespace

Result<AnnounceStates> read_note(const BirdTarget& target) {
    const std::string path = note_of(target);
    if (access(path.c_str(), F_OK) != 0 && errno == ENOENT) {
        return AnnounceStates();
    }
    const auto text = read_file(path);
    return text ? parse_announce_file(path, *text) : tl::unexpected(text.error());
}

Result<> write_note(const BirdTarget& target, const AnnounceStates& before) {
    return write_file_atomically(note_of(target), announce_file_text(before));
}

Result<> drop_note(const BirdTarget& target) {
    const std::string path = note_of(target);
    return unlink(path.c_str()) == 0 || errno == ENOENT
               ? Result<>()
               : fail(Exit::world, path, fmt::format("cannot be removed: {}", strerror(errno)));
}

BirdTarget narrowed(const BirdTarget& target, const AnnounceStates& states) {
    BirdTarget result = target;
    result.carriers.clear();
    for (const CarrierTarget& carrier : target.all) {
        if (states.contains(carrier.name)) {
            result.carriers.push_back(carrier);
        }
    }
    return result;
}

Verdict judge_all(const BirdView& view, const AnnounceStates& states) {
    Verdict worst;
    for (const CarrierView& carrier : view.carriers) {
        Verdict one = judge(carrier, states.at(carrier.carrier));
        if (worst.answer == Exit::yes || one.answer == Exit::no) {
            worst = worst.answer == Exit::no ? worst : std::move(one);
        }
    }
    return worst;
}

Result<std::vector<std::string>> not_loaded(BirdClient& bird, const BirdTarget& target,
                                            const AnnounceStates& besides) {
    const auto states = read_announce_file(target);
    if (!states) {
        return tl::unexpected(states.error());
    }
    std::vector<std::string> found;
    for (const auto& [carrier, stated] : *states) {
        if (besides.contains(carrier)) {
            continue;
        }
        const auto running = ask_running(bird, carrier);
        if (!running) {
            return tl::unexpected(running.error());
        }
        if (*running != stated) {
            found.push_back(fmt::format("{} is stated as {}, but BIRD runs with {}", carrier,
                                        name(stated), *running ? name(**running) : "none"));
        }
    }
    return found;
}

std::string offer_to_disable(const BirdTarget& target, const AnnounceStates& states) {
    auto bird = BirdClient::connect(target.socket);
    const auto view = bird ? look_at_bird(*bird, target) : tl::unexpected(bird.error());
    std::string offer;
    for (const CarrierView& carrier : view ? view->carriers : std::vector<CarrierView>()) {
        const auto state = states.find(carrier.carrier);
        if (state == states.end() || state->second != Announce::withdrawn) {
            continue;
        }
        for (const BgpSession& session : carrier.sessions) {
            offer += fmt::format(
                "; to withdraw all the same: birdc -s {} disable {}, which cuts "
                "the whole session",
                target.socket, session.name);
            for (const BgpChannel& channel : session.channels) {
                offer +=
                    fmt::format(", {} routes {}", channel.family == Family::v4 ? "IPv4" : "IPv6",
                                channel.routes.empty() ? "none" : channel.routes);
            }
        }
    }
    return offer;
}

Verdict go_back(const BirdTarget& target, const AnnounceStates& before,
                std::chrono::milliseconds limit) {
    return WayBack(target, before, limit).go();
}

}  // namespace rehome::cutover
