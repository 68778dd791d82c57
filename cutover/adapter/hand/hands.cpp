#include "cutover/adapter/hand/hands.h"

#include <fmt/format.h>
#include <pwd.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <thread>

#include "common/clock.h"
#include "common/far_program.h"
#include "cutover/hand/reign.h"
#include "cutover/run/number.h"

namespace rehome::cutover {

namespace {

// Until a hand greets: ssh's ConnectTimeout, and its login.
constexpr Milliseconds greeting_limit{20'000};
// What an answer may take beyond the command's own time and its grace.
constexpr Milliseconds answer_takes{5'000};
// What was asked for in case it is cut, see common/hand_door.h.
constexpr Milliseconds putting_back{660'000};
constexpr auto try_again_after = std::chrono::milliseconds(200);

std::string user_at_host() {
    std::array<char, 256> host{};
    (void)gethostname(host.data(), host.size() - 1);
    const passwd* user = getpwuid(getuid());
    return fmt::format("{}@{}", user != nullptr ? user->pw_name : std::to_string(getuid()),
                       host.data());
}

Result<Milliseconds> from_environment(const char* name, Milliseconds usual) {
    const char* text = std::getenv(name);
    if (text == nullptr) {
        return usual;
    }
    const auto seconds = parse_number(text);
    if (!seconds || !(*seconds >= 0.1) || *seconds * 1e3 > static_cast<double>(usual.count())) {
        return fail(
            Exit::usage, name,
            fmt::format("{}, expected 0.1 to {} seconds", in_quotes(text), usual.count() / 1'000));
    }
    return Milliseconds(static_cast<int64_t>(*seconds * 1e3));
}

std::string place_of(const Host& host) {
    return host.kind == Host::Kind::netns ? "netns-" + host.name : "local";
}

Argv command_on(const Host& host) {
    Argv argv{path_of_ours(host, "cutover"), "hand", "serve", "--place", place_of(host)};
    if (host.kind == Host::Kind::ssh) {
        argv.insert(argv.end(), {"--as", host.text()});
    }
    return host.on(argv);
}

std::string words_of(const Error& error) {
    return error.what;
}

Fate fate_of(const Ending& ending) {
    const std::string put_back =
        ending.put_back.empty() ? "" : "; put back by its hand: " + ending.put_back;
    if (ending.cause == Cause::unbegun) {
        return {Fate::Kind::never_begun, {}, "not begun: " + ending.err};
    }
    if (const std::string why = why_cut(ending); !why.empty()) {
        return {Fate::Kind::cut, {}, why + put_back};
    }
    Fate fate{
        Fate::Kind::ended, {ending.code, ending.cause == Cause::time, ending.out, ending.err}, ""};
    fate.finished.err += put_back;
    return fate;
}

// What has no record where there is one from the run's begin never began.  Otherwise the record may
// have been lost, or the host was another one.
Fate unheard_of(const Result<Welcome>& welcome) {
    if (welcome && welcome->since == 1) {
        return {Fate::Kind::never_begun, {}, "it never began at its host"};
    }
    return {Fate::Kind::cut, {}, "its host has no record of it, nor of the run's begin"};
}

}  // namespace

Result<Hello> hello_of(const std::string& run, uint64_t epoch, const std::string& journal) {
    Hello hello;
    hello.holder = {run, epoch, user_at_host(), getpid(), journal, now_us()};
    std::array<uint64_t, 2> bits{};
    (void)!getrandom(bits.data(), sizeof bits, 0);  // cannot fail for so few bytes
    hello.session = fmt::format("{:016x}{:016x}", bits[0], bits[1]);
    const auto silence = from_environment("REHOME_HAND_SILENCE_S", hello.silence);
    const auto grace = silence ? from_environment("REHOME_HAND_GRACE_S", hello.grace) : silence;
    if (!grace) {
        return tl::unexpected(grace.error());
    }
    hello.silence = *silence;
    hello.grace = *grace;
    return hello;
}

Hand::Hand(std::string title, Host host, Hello hello, Connection::Notice notice)
    : title_(std::move(title)),
      host_(std::move(host)),
      hello_(std::move(hello)),
      notice_(std::move(notice)) {}

Error Hand::at_host(const Error& error) const {
    return {error.kind, title_, error.what};
}

Result<std::shared_ptr<Connection>> Hand::connection() {
    const std::lock_guard lock(mutex_);
    if (connection_ && !connection_->is_dead()) {
        return connection_;
    }
    connection_.reset();
    auto made = greet();
    if (!made) {
        return tl::unexpected(at_host(made.error()));
    }
    connection_ = *made;
    reached_ = true;
    return *made;
}

Result<std::shared_ptr<Connection>> Hand::greet() {
    bool again = true;
    for (;;) {
        auto opened = Connection::open(command_on(host_), hello_, [this](const std::string& what) {
            notice_(fmt::format("{}: waits until {}", title_, what));
        });
        if (!opened) {
            return tl::unexpected(opened.error());
        }
        std::shared_ptr<Connection> made = std::move(*opened);
        const auto welcome = made->await_welcome(greeting_limit);
        if (welcome) {
            return made;
        }
        // It may hold the host for us by now, and nobody would give it up.
        if (!again || !made->is_cut()) {
            return tl::unexpected(welcome.error());
        }
        again = false;
    }
}

Result<Welcome> Hand::reach() {
    const auto made = connection();
    return made ? (*made)->await_welcome(greeting_limit) : tl::unexpected(made.error());
}

Result<Ended> Hand::ask_to_look(const Argv& argv, Milliseconds limit) {
    bool again = true;
    for (;;) {
        const auto made = connection();
        if (!made) {
            return tl::unexpected(made.error());
        }
        auto answer = (*made)->ask(Job{++id_, argv, limit, std::nullopt},
                                   limit + hello_.grace + answer_takes);
        if (answer || !again || !(*made)->is_cut()) {
            return answer;
        }
        again = false;
    }
}

Result<Finished> Hand::look(const Argv& argv, Milliseconds limit) {
    const auto answer = ask_to_look(argv, limit);
    if (!answer) {
        return fail(Exit::unknown, title_,
                    printable(argv) + ": cannot tell: " + words_of(answer.error()));
    }
    const Ending& ending = answer->ending;
    if (ending.cause == Cause::itself || ending.cause == Cause::time) {
        return Finished{ending.code, ending.cause == Cause::time, ending.out, ending.err};
    }
    return fail(Exit::world, title_ + ": " + printable(argv),
                ending.cause == Cause::unbegun ? ending.err : why_cut(ending));
}

Fate Hand::act(const Argv& argv, Milliseconds limit, const Entry& entry) {
    const auto made = connection();
    if (!made) {
        return {Fate::Kind::never_begun, {}, "not begun: " + made.error().text()};
    }
    const uint64_t id = ++id_;
    const auto answer = (*made)->ask(Job{id, argv, limit, entry},
                                     limit + hello_.grace + answer_takes + putting_back);
    if (answer) {
        const Ending& ending = answer->ending;
        if (ending.left > 0) {
            notice_(fmt::format("{}: {} left {} processes, which were ended", title_, entry.step,
                                ending.left));
        }
        return fate_of(ending);
    }
    notice_(fmt::format("{}: its hand {}; asking what became of {}", title_,
                        words_of(answer.error()), entry.step));
    const Milliseconds ends_within = hello_.silence + hello_.grace + Milliseconds(1'000);
    return recall_until(entry.line, (*made)->last_beat_us() + ends_within.count() * 1'000);
}

Fate Hand::recall(size_t line) {
    return recall_until(line, 0);
}

Fate Hand::recall_until(size_t line, int64_t until_us) {
    for (;;) {
        const auto made = connection();
        const uint64_t id = ++id_;
        const auto answer =
            made ? (*made)->ask(Recall{id, line}, greeting_limit) : tl::unexpected(made.error());
        if (answer) {
            const auto& ending = answer->ending;
            return ending ? fate_of(*ending) : unheard_of((*made)->await_welcome(greeting_limit));
        }
        if (monotonic_us() >= until_us || answer.error().kind == Exit::no) {
            return {Fate::Kind::unknown,
                    {},
                    fmt::format("cannot tell what became of it: {}: {}", title_,
                                words_of(answer.error()))};
        }
        std::this_thread::sleep_for(try_again_after);
    }
}

Result<> Hand::release() {
    if (!reached_) {
        return fail(Exit::world, title_, "was not reached");
    }
    const auto made = connection();
    const uint64_t id = ++id_;
    const auto answer =
        made ? (*made)->ask(Release{id}, greeting_limit) : tl::unexpected(made.error());
    return answer ? Result<>() : tl::unexpected(at_host(answer.error()));
}

// ---- all of them --------------------------------------------------------------------------------

Hand& Hands::known(const std::string& title, const Host& host, bool lock) {
    const std::lock_guard guard(mutex_);
    auto& hand = hands_[host.text()];
    if (!hand) {
        Hello hello = hello_;
        hello.lock = lock;
        hand = std::make_unique<Hand>(title, host, std::move(hello), notice_);
    }
    return *hand;
}

void Hands::hold(const std::string& title, const Host& host) {
    known(title, host, true);
}

Hand& Hands::at(const Host& host) {
    return known(host.text(), host, false);
}

std::vector<Hands::Reached> Hands::reach_all() {
    std::vector<Reached> all;
    std::vector<Hand*> hands;
    for (const auto& [host, hand] : hands_) {
        all.push_back({hand->title(), hand->is_held(), Welcome{}});
        hands.push_back(hand.get());
    }
    {
        std::vector<std::jthread> threads;
        for (size_t i = 0; i < hands.size(); ++i) {
            threads.emplace_back([&, i] { all[i].welcome = hands[i]->reach(); });
        }
    }
    return all;
}

Result<> Hands::release_all() {
    std::string failed;
    for (const auto& [host, hand] : hands_) {
        if (auto released = hand->is_held() ? hand->release() : Result<>(); !released) {
            failed += (failed.empty() ? "" : "; ") + released.error().text();
        }
    }
    return failed.empty() ? Result<>() : fail(Exit::world, "", failed);
}

}  // namespace rehome::cutover
