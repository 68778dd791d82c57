#include "cutover/adapter/bird/announce.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>

#include <cerrno>
#include <cstring>

#include "common/json/file.h"
#include "cutover/adapter/bird/configure.h"
#include "cutover/adapter/bird/way_back.h"

namespace rehome::cutover {

namespace {

class Announcement {
public:
    Announcement(BirdClient bird, const BirdTarget& target, Announce state,
                 const AnnounceOptions& options)
        : bird_(std::move(bird)),
          target_(target),
          state_(state),
          options_(options),
          patience_{options.limit, options.stop} {}

    Result<Announced> make() {
        // The order of these is told in the header.
        using Step = Result<> (Announcement::*)();
        for (const Step step : {&Announcement::lock, &Announcement::end_what_was_cut_short,
                                &Announcement::look_around, &Announcement::wait_for_others}) {
            if (const auto done = (this->*step)(); !done) {
                return tl::unexpected(at_gateway(done.error()));
            }
        }
        if (const auto changed = change(); !changed) {
            return tl::unexpected(at_gateway(put_back(changed.error())));
        }
        return std::move(announced_);
    }

    Result<std::vector<std::string>> put_back_what_was_cut() {
        for (const auto step : {&Announcement::lock, &Announcement::end_what_was_cut_short}) {
            if (const auto done = (this->*step)(); !done) {
                return tl::unexpected(at_gateway(done.error()));
            }
        }
        return std::move(announced_.notes);
    }

private:
    static tl::unexpected<Error> failed(const std::string& what) {
        return fail(Exit::world, "", what);
    }

    Error at_gateway(Error error) const {
        error.where = error.where.empty() ? target_.gateway : error.where;
        return error;
    }

    // Two at once would lose one's change to the include file.
    Result<> lock() {
        const std::string path = target_.announce_file + ".lock";
        lock_ = Fd(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
        if (!lock_) {
            return fail(Exit::world, path, fmt::format("open: {}", strerror(errno)));
        }
        const auto held = wait_until(patience_, [this]() -> Result<bool> {
            return flock(lock_.get(), LOCK_EX | LOCK_NB) == 0;
        });
        if (!held) {
            return tl::unexpected(held.error());
        }
        return *held ? Result<>() : failed("another announcement is being made; " + path);
    }

    // One that was killed, whose change nobody has confirmed.
    Result<> end_what_was_cut_short() {
        const auto before = read_note(target_);
        if (!before) {
            return tl::unexpected(before.error());
        }
        if (before->empty()) {
            return {};
        }
        const Verdict back = go_back(target_, *before, options_.limit);
        if (back.answer == Exit::no) {
            return failed("an announcement before was cut short and is not put back: " + back.why);
        }
        announced_.notes.push_back("an announcement before was cut short; put back first" +
                                   (back.why.empty() ? "" : ", but " + back.why));
        return drop_note(target_);
    }

    Result<> look_around() {
        const auto view = look_at_bird(bird_, target_);
        if (!view) {
            return tl::unexpected(view.error());
        }
        for (const CarrierView& carrier : view->carriers) {
            const std::string why = why_unable(carrier);
            if (state_ != Announce::withdrawn && !why.empty()) {
                return failed(why + "; nothing was changed");
            }
            before_[carrier.carrier] = carrier.running.value_or(carrier.stated);
            wanted_[carrier.carrier] = state_;
        }
        return refuse_what_is_not_loaded();
    }

    // Loading the file would tell it to carriers that nobody has asked for.
    Result<> refuse_what_is_not_loaded() {
        auto found = not_loaded(bird_, target_, wanted_);
        if (!found) {
            return tl::unexpected(found.error());
        }
        if (!found->empty() && !options_.way_back) {
            return failed(found->front() +
                          "; reading the file would change that, so nothing was "
                          "changed: settle it first");
        }
        announced_.notes.insert(announced_.notes.end(), found->begin(), found->end());
        return {};
    }

    Result<> wait_for_others() {
        const auto free = wait_until(patience_, [this]() -> Result<bool> {
            const auto unconfirmed = is_unconfirmed(bird_);
            return unconfirmed ? Result<bool>(!*unconfirmed) : unconfirmed;
        });
        if (!free) {
            return tl::unexpected(free.error());
        }
        return *free ? Result<>() : failed("another configuration waits to be confirmed");
    }

    Result<> change() {
        const auto text = read_file(target_.announce_file);
        if (!text) {
            return tl::unexpected(text.error());
        }
        auto done = write_note(target_, before_);
        if (!done) {
            return done;
        }
        written_ = true;
        done = write_file_atomically(target_.announce_file, with_states(*text, wanted_));
        for (const auto step : {&Announcement::load, &Announcement::see, &Announcement::confirm}) {
            done = done ? (this->*step)() : done;
        }
        return done;
    }

    Result<> load() {
        if (auto taken = check_files(bird_); !taken) {
            return fail(taken.error().kind, taken.error().where,
                        taken.error().what + offer_to_disable(target_, wanted_));
        }
        // Longer than what waiting for it and seeing it may take, or it would undo what is still
        // being looked at.
        return configure(bird_, 2 * options_.limit.count() / 1'000 + 10, patience_);
    }

    Result<> see() {
        Verdict& verdict = announced_.verdict;
        const auto right = wait_until(patience_, [&]() -> Result<bool> {
            const auto view = look_at_bird(bird_, target_);
            if (!view) {
                return tl::unexpected(view.error());
            }
            verdict = judge_all(*view, wanted_);
            return verdict.answer == Exit::yes;
        });
        if (!right) {
            return tl::unexpected(right.error());
        }
        return verdict.answer == Exit::no
                   ? failed(fmt::format("not as asked within {} s: {}",
                                        static_cast<double>(options_.limit.count()) / 1e3,
                                        verdict.why))
                   : Result<>();
    }

    Result<> confirm() {
        const auto dropped = drop_note(target_);
        return dropped ? cutover::confirm(bird_) : dropped;
    }

    // As it was before, and why.
    Error put_back(Error why) {
        if (!written_) {
            return why;
        }
        const Verdict back = go_back(target_, before_, options_.limit);
        if (back.answer == Exit::yes) {
            const auto dropped = drop_note(target_);
            why.what += dropped ? "; put back" : "; put back, but " + dropped.error().text();
            return why;
        }
        why.kind = back.answer == Exit::no ? Exit::world : Exit::unknown;
        why.what += "; NOT seen to be put back: " + back.why;
        return why;
    }

    BirdClient bird_;
    const BirdTarget& target_;
    const Announce state_;
    const AnnounceOptions& options_;
    const Patience patience_;
    Fd lock_;
    AnnounceStates before_;
    AnnounceStates wanted_;
    Announced announced_;
    bool written_ = false;
};

}  // namespace

Result<std::vector<std::string>> put_back_what_was_cut(const BirdTarget& target,
                                                       const AnnounceOptions& options) {
    auto bird = BirdClient::connect(target.socket);
    if (!bird) {
        return tl::unexpected(bird.error());
    }
    return Announcement(std::move(*bird), target, {}, options).put_back_what_was_cut();
}

Result<Announced> announce(const BirdTarget& target, Announce state,
                           const AnnounceOptions& options) {
    auto bird = BirdClient::connect(target.socket);
    if (!bird) {
        return tl::unexpected(bird.error());
    }
    return Announcement(std::move(*bird), target, state, options).make();
}

}  // namespace rehome::cutover
