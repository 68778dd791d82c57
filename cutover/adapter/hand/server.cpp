// poll(2), signalfd(2).
#include "cutover/adapter/hand/server.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <list>

#include "common/clock.h"
#include "cutover/adapter/hand/door.h"
#include "cutover/adapter/hand/folder.h"
#include "cutover/adapter/hand/lines.h"
#include "cutover/adapter/hand/running.h"
#include "cutover/hand/pulse.h"

namespace rehome::cutover {

namespace {

constexpr int64_t hello_limit_us = 60'000'000;
constexpr int64_t look_for_lock_us = 5'000;
// How long an end may wait for the disk: a kill of the hand loses none, only the host's own end.
constexpr int64_t sync_after_us = 100'000;
// Beyond the time that what it runs may take: until the hand before is killed.
constexpr int64_t patience_us = 10'000'000;
constexpr size_t longest_backlog = 512u << 20;

class Server {
public:
    explicit Server(const HandOptions& options)
        : options_(options), keeping_(keeping_here()), began_at_us_(monotonic_us()) {}

    Result<Exit> run();

private:
    enum class State { greeting, waiting, mending, serving, leaving };

    Result<> prepare();
    void turn();
    void wait();
    int64_t next_at_us() const;
    void take_signals();
    void hear();
    void hear_line(std::string_view line);
    void tell(const Tale& tale);
    void flush();
    void leave(Cause cause);

    void obey(const Hello& hello);
    void obey(const Beat& beat) { pulse_.heard(beat); }
    void obey(const Job& job);
    void obey(const Recall& recall);
    void obey(const Release& release);

    Result<std::string> begin_reign();
    void refuse(const std::string& why);
    void despair(Error why);
    void wait_for_the_one_before();
    void mend();
    void welcome();
    Result<> begin(Running& running);
    void follow_commands();
    void note_end(const Running& running, const Ending& ending);
    Reply answer(Question question);
    Reply leave_behind(Running& running, const Question& question);

    HandOptions options_;
    Keeping keeping_;
    int64_t began_at_us_;
    State state_ = State::greeting;
    Fd signals_{};
    LinesIn heard_{longest_order};
    LinesOut told_{};
    Hello hello_{};
    Pulse pulse_{Milliseconds(60'000), monotonic_us()};
    std::optional<HandFolder> folder_{};
    std::optional<Door> door_{};
    std::optional<Error> despaired_{};
    uint64_t since_ = 1;
    HandRecord record_{};
    Fd before_{};
    int64_t kill_before_at_us_ = 0;  // 0: it has not been waited for
    std::list<Running> running_{};
    int64_t unsynced_since_us_ = 0;  // 0: all is on disk
    uint64_t commands_ = 0;
};

// ---- the loop -----------------------------------------------------------------------------------

Result<> Server::prepare() {
    sigset_t wanted;
    sigemptyset(&wanted);
    for (const int number : {SIGTERM, SIGINT, SIGHUP}) {
        sigaddset(&wanted, number);
    }
    sigprocmask(SIG_BLOCK, &wanted, nullptr);
    signals_ = Fd(signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK));
    const bool ready = signals_ && fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK) == 0 &&
                       fcntl(STDOUT_FILENO, F_SETFL, O_WRONLY | O_NONBLOCK) == 0;
    if (!ready) {
        return fail(Exit::world, "hand", strerror(errno));
    }
    return {};
}

Result<Exit> Server::run() {
    if (auto prepared = prepare(); !prepared) {
        return tl::unexpected(prepared.error());
    }
    while (state_ != State::leaving || !running_.empty()) {
        wait();
        turn();
    }
    if (unsynced_since_us_ != 0) {
        (void)folder_->sync();
    }
    flush();
    return despaired_ ? Result<Exit>(tl::unexpected(*despaired_)) : Exit::yes;
}

int64_t Server::next_at_us() const {
    int64_t next = monotonic_us() + 1'000'000;
    for (const Running& running : running_) {
        next = std::min(next, running.next_at_us());
    }
    if (state_ == State::waiting) {
        next = std::min(next, monotonic_us() + look_for_lock_us);
    }
    if (unsynced_since_us_ != 0) {
        next = std::min(next, unsynced_since_us_ + sync_after_us);
    }
    return state_ == State::greeting || state_ == State::leaving
               ? next
               : std::min({next, pulse_.next_beat_at_us(), pulse_.silent_at_us()});
}

void Server::wait() {
    std::vector<pollfd> polled{
        {signals_.get(), POLLIN, 0},
        {state_ == State::leaving ? -1 : STDIN_FILENO, POLLIN, 0},
        {told_.empty() ? -1 : STDOUT_FILENO, POLLOUT, 0},
    };
    if (door_) {
        door_->watch(polled);
    }
    for (const Running& running : running_) {
        running.watch(polled);
    }
    const int64_t left = std::max<int64_t>(0, next_at_us() - monotonic_us());
    poll(polled.data(), polled.size(), static_cast<int>((left + 999) / 1'000));
}

void Server::turn() {
    take_signals();
    if (state_ != State::leaving) {
        hear();
    }
    if (state_ == State::waiting) {
        wait_for_the_one_before();
    }
    if (door_) {
        door_->serve([this](Question question) { return answer(std::move(question)); });
    }
    follow_commands();
    if (state_ == State::mending && running_.empty()) {
        welcome();
    }
    const int64_t now = monotonic_us();
    if (state_ == State::greeting && now > began_at_us_ + hello_limit_us) {
        leave(Cause::silence);
    }
    if (state_ == State::waiting || state_ == State::mending || state_ == State::serving) {
        if (pulse_.beat_is_due(now)) {
            tell(pulse_.beat(now));
        }
        if (now >= pulse_.silent_at_us()) {
            leave(Cause::silence);
        }
    }
    if (unsynced_since_us_ != 0 && now >= unsynced_since_us_ + sync_after_us) {
        unsynced_since_us_ = 0;
        (void)folder_->sync();
    }
    flush();
}

void Server::take_signals() {
    signalfd_siginfo info{};
    while (read(signals_.get(), &info, sizeof info) == sizeof info) {
        leave(info.ssi_signo == SIGTERM ? Cause::runner : Cause::silence);
    }
}

void Server::leave(Cause cause) {
    state_ = State::leaving;
    for (Running& running : running_) {
        running.end(cause, monotonic_us());
    }
}

// ---- what is said -------------------------------------------------------------------------------

void Server::hear() {
    const auto heard =
        heard_.read(STDIN_FILENO, [this](std::string_view line) { hear_line(line); });
    if (heard == LinesIn::Heard::end) {
        leave(Cause::silence);
    } else if (heard == LinesIn::Heard::too_long) {
        refuse("a line is longer than it may be");
    }
}

void Server::hear_line(std::string_view line) {
    const auto order = parse_order(line);
    if (!order) {
        return refuse(order.error().text());
    }
    const bool is_hello = std::holds_alternative<Hello>(*order);
    const bool is_beat = std::holds_alternative<Beat>(*order);
    if (is_hello != (state_ == State::greeting) ||
        (!is_hello && !is_beat && state_ != State::serving && state_ != State::leaving)) {
        return refuse("a line does not belong here: " + in_quotes(line));
    }
    if (state_ != State::leaving) {
        std::visit([this](const auto& one) { obey(one); }, *order);
    }
}

void Server::tell(const Tale& tale) {
    told_.add(line_of(tale));
    flush();
}

// What cannot be told any more is lost; the record has it.
void Server::flush() {
    told_.flush(STDOUT_FILENO);
    if (told_.size() > longest_backlog) {
        told_.clear();
        leave(Cause::silence);
    }
}

void Server::refuse(const std::string& why) {
    tell(Refused{why});
    leave(Cause::runner);
}

// Of this host alone, as if it could not be reached: a refusal would keep the others from being put
// back, too.
void Server::despair(Error why) {
    despaired_ = std::move(why);
    leave(Cause::runner);
}

// ---- the greeting -------------------------------------------------------------------------------

void Server::obey(const Hello& hello) {
    hello_ = hello;
    pulse_ = Pulse(hello.silence, monotonic_us());
    const auto why = begin_reign();
    if (!why) {
        return despair(why.error());
    }
    if (!why->empty()) {
        return refuse(*why);
    }
    state_ = State::waiting;
    wait_for_the_one_before();
}

// Why it may not; empty: from here on no runner before is obeyed.
Result<std::string> Server::begin_reign() {
    auto folder = HandFolder::open(options_.base, options_.place, hello_.holder.run, options_.as);
    if (!folder) {
        return tl::unexpected(folder.error());
    }
    const auto guarded = folder->guard();
    const auto reign = guarded ? folder->reign() : tl::unexpected(guarded.error());
    const auto holder = reign ? folder->holder() : tl::unexpected(reign.error());
    if (!holder) {
        return tl::unexpected(holder.error());
    }
    std::string why = why_not(hello_, *reign);
    if (why.empty() && hello_.lock) {
        why = why_held(hello_, *holder);
    }
    if (!why.empty()) {
        return why;
    }
    since_ = reign->epoch == 0 ? hello_.holder.epoch : reign->since;
    auto written = folder->write(Reign{hello_.holder.epoch, hello_.session, own_mark(), since_});
    if (written && hello_.lock) {
        written = folder->write(held_by(hello_, *holder));
    }
    if (!written) {
        return tl::unexpected(written.error());
    }
    before_ = open_process(reign->hand);
    if (before_) {
        signal_process(before_, SIGTERM);
    }
    folder_ = std::move(*folder);
    return std::string();
}

void Server::wait_for_the_one_before() {
    const auto locked = folder_->try_lock();
    if (!locked) {
        return despair(locked.error());
    }
    if (*locked) {
        return mend();
    }
    const int64_t now = monotonic_us();
    if (kill_before_at_us_ == 0) {
        const auto record = folder_->look();
        const UnixMicros wall = now_us();
        const Unended left = record ? unended(*record, hello_.grace, wall) : Unended{"", wall};
        kill_before_at_us_ = now + (left.until - wall) + patience_us;
        tell(Waits{"what was begun here before is gone" +
                   (left.text.empty() ? "" : ": " + left.text)});
    }
    // One that hangs, or was stopped, ends with all that it runs.
    if (now >= kill_before_at_us_ && before_) {
        signal_process(before_, SIGKILL);
    }
    if (now >= kill_before_at_us_ + patience_us) {
        despair({Exit::world, folder_->path(), "what was begun here before cannot be ended"});
    }
}

// What was cut with the hand before has an end from here on.
void Server::mend() {
    auto record = folder_->read();
    auto door = record ? Door::open(folder_->door()) : tl::unexpected(record.error());
    if (!door) {
        return despair(door.error());
    }
    door_ = std::move(*door);
    record_ = std::move(*record);
    for (const auto& [line, command] : record_.commands) {
        if (!command.ending) {
            running_.push_back(Running::cut(command, keeping_, hello_.grace));
        }
    }
    state_ = State::mending;
}

void Server::welcome() {
    state_ = State::serving;
    tell(Welcome{keeping_, record_.head, since_});
    folder_->remove_old_runs();
}

// ---- what is asked for --------------------------------------------------------------------------

void Server::obey(const Job& job) {
    const auto refused = [&](const std::string& why) {
        tell(Ended{job.id, Ending{127, Cause::unbegun, "", why, 0, ""}});
    };
    if (job.argv.empty()) {
        return refused("no command was given to run");
    }
    if (job.entry && record_.commands.contains(job.entry->line) &&
        record_.commands[job.entry->line].entry.sum == job.entry->sum) {
        return refused("it was begun here already");
    }
    std::vector<std::string> more;
    if (job.entry) {
        more = {"REHOME_HAND=" + door_->path(), fmt::format("REHOME_HAND_COMMAND={}", job.id)};
    }
    auto running = Running::make(job, keeping_, hello_.grace, more);
    if (!running) {
        return refused(running.error().text());
    }
    if (auto begun = begin(*running); !begun) {
        return refused(begun.error().text());
    }
    running->let_go();
    running_.push_back(std::move(*running));
}

// On disk before it is let go.
Result<> Server::begin(Running& running) {
    if (!running.is_act()) {
        return {};
    }
    const Job& job = running.job();
    const ProcessMark init = mark_of(running.pid());
    auto written = folder_->append(begun_line(job, init, now_us()));
    if (written) {
        written = folder_->sync();
    }
    if (written) {
        unsynced_since_us_ = 0;
        record_.commands[job.entry->line] = {*job.entry, now_us(), job.limit, init, {}, {}, {}};
        record_.head = Head{job.entry->line, job.entry->sum};
    }
    return written;
}

void Server::obey(const Recall& recall) {
    const auto command = record_.commands.find(recall.line);
    if (command == record_.commands.end()) {
        return tell(Recalled{recall.id, std::nullopt});
    }
    // Of one that SIGKILL does not end either nobody can tell anything.
    if (command->second.ending) {
        tell(Recalled{recall.id, command->second.ending});
    }
}

void Server::obey(const Release& release) {
    if (auto released = folder_->release(); !released) {
        return refuse(released.error().text());
    }
    tell(Released{release.id});
}

void Server::follow_commands() {
    for (auto running = running_.begin(); running != running_.end();) {
        auto ending = running->turn(monotonic_us());
        if (!ending) {
            ++running;
            continue;
        }
        note_end(*running, *ending);
        if (running->job().id != 0) {
            tell(Ended{running->job().id, std::move(*ending)});
        }
        running = running_.erase(running);
    }
}

void Server::note_end(const Running& running, const Ending& ending) {
    if (!running.is_act()) {
        return;
    }
    const size_t line = running.job().entry->line;
    (void)folder_->append(ended_line(line, ending, now_us()));
    unsynced_since_us_ = unsynced_since_us_ == 0 ? monotonic_us() : unsynced_since_us_;
    record_.commands[line].ending = ending;
}

// ---- the door -----------------------------------------------------------------------------------

Reply Server::answer(Question question) {
    if (question.kind == Question::Kind::terminate) {
        const Fd process = open_process(question.process);
        return {"", question.process, process && signal_process(process, SIGTERM)};
    }
    const auto running = std::find_if(running_.begin(), running_.end(), [&](const Running& one) {
        return one.is_act() && one.job().id == question.command;
    });
    if (running == running_.end()) {
        return {"is no command that this hand runs", {}, false};
    }
    if (question.kind == Question::Kind::leave) {
        return leave_behind(*running, question);
    }
    const IfCut if_cut{std::move(question.argv), question.limit};
    auto written = folder_->append(if_cut_line(running->job().entry->line, if_cut, now_us()));
    if (written) {
        written = folder_->sync();
    }
    if (!written) {
        return {written.error().text(), {}, false};
    }
    unsynced_since_us_ = 0;
    running->ask(if_cut);
    return {};
}

Reply Server::leave_behind(Running& running, const Question& question) {
    const Entry& entry = *running.job().entry;
    if (std::find(entry.leaves.begin(), entry.leaves.end(), question.name) == entry.leaves.end()) {
        return {fmt::format("{} may not leave {} behind, expected its name in the step's leaves",
                            entry.step, in_quotes(question.name)),
                {},
                false};
    }
    SpawnOptions options;
    options.detached = true;
    for (size_t i = 0; i < options.standard.size(); ++i) {
        options.standard[i] = question.standard[i].get();
    }
    const auto pid = spawn(question.argv, options);
    if (!pid) {
        return {pid.error().text(), {}, false};
    }
    const LeftBehind left{question.name, mark_of(*pid)};
    (void)folder_->append(left_line(entry.line, left, now_us()));
    return {"", left.process, true};
}

}  // namespace

Result<Exit> serve_as_hand(const HandOptions& options) {
    return Server(options).run();
}

}  // namespace rehome::cutover
