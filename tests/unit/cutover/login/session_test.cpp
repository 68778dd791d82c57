// The old app's behaviour as a table of scenes: what happens at which millisecond, and what the
// session does then.
#include "cutover/login/session.h"

#include <doctest/doctest.h>

#include <fmt/format.h>

#include <string>
#include <vector>

#include "cutover/login/timers.h"

using namespace rehome;
using namespace rehome::cutover;

namespace {

// Login: "L" is sent, "ok" is waited for.  Heartbeat: "?" every 1,000 ms (its grid starts at 0),
// "!" is the answer.  Timeout 300 ms, given up after 700 ms.
LoginScript script() {
    Login login;
    login.steps = {{LoginStep::Kind::send, {"L"}}, {LoginStep::Kind::expect, {"ok"}}};
    login.heartbeat_send = {"?"};
    login.heartbeat_expect = {"!"};
    return LoginScript(login);
}

LoginRules rules(bool canary = false) {
    return {300'000, 700'000, 1'000'000, 100'000, 400'000, canary, 2'000'000};
}

struct Line {
    int64_t ms;
    std::string event;  // timer, connected, reset, closed, refused, own, stop; anything else: bytes
    const char* done;   // what the session does then
};

struct Scene {
    std::string name;
    std::vector<Line> lines;
    bool canary = false;
};

Endpoint local() {
    return {Address::v4(0x64500001), 40'000};
}

LoginActions tell(LoginSession& session, const Line& line) {
    const std::string& event = line.event;
    const int64_t now = line.ms * 1000;
    if (event == "timer") return session.on_timer(now);
    if (event == "connected") return session.on_connected(now, local());
    if (event == "reset") return session.on_broken(now, LoginCause::reset);
    if (event == "closed") return session.on_broken(now, LoginCause::closed);
    if (event == "refused") return session.on_broken(now, LoginCause::refused);
    if (event == "own") return session.on_broken(now, LoginCause::own);
    if (event == "stop") return session.stop();
    return session.on_bytes(now, event);
}

std::string shown(const LoginActions& actions) {
    std::string text;
    const auto add = [&text](const std::string& word) { text += (text.empty() ? "" : " ") + word; };
    if (actions.failed) add(fmt::format("failed:{}", name(*actions.failed)));
    if (actions.broke) add(fmt::format("broke:{}", name(*actions.broke)));
    if (actions.close) add("close");
    if (actions.connect) add("connect");
    if (!actions.send.empty()) add("send:" + actions.send);
    if (actions.accepted) add("accepted");
    if (actions.answered) add("answered");
    if (actions.gap) {
        add(fmt::format("gap:{}:{}-{}{}", name(actions.gap->cause), actions.gap->from_us / 1000,
                        actions.gap->to_us / 1000, actions.gap->relogin ? ":relogin" : ""));
    }
    return text;
}

const Line logged_in[] = {
    {0, "timer", "connect"}, {5, "connected", "send:L"}, {9, "ok", "accepted"}};

// Each but the first begins logged in since 9 ms.
const Scene scenes[] = {
    {"heartbeats on the grid",
     {{999, "timer", ""},
      {1000, "timer", "send:?"},
      {1010, "!", "answered"},
      {2000, "timer", "send:?"},
      {2299, "!", "answered"},
      {3000, "timer", "send:?"}}},
    {"bytes that nobody asked for are passed over",
     {{500, "!!ok", ""},
      {1000, "timer", "send:?"},
      {1001, "noise", ""},
      {1002, "x!y!", "answered"}}},
    {"late, but answered: slow, from the question to the answer",
     {{1000, "timer", "send:?"},
      {1300, "timer", ""},
      {1650, "!", "answered gap:slow:1000-1650"},
      {2000, "timer", "send:?"}}},
    {"on time to the microsecond is no gap", {{1000, "timer", "send:?"}, {1300, "!", "answered"}}},
    {"reset while idle: at once anew, the gap from the reset",
     {{500, "reset", "broke:reset close connect"},
      {505, "connected", "send:L"},
      {540, "ok", "accepted gap:reset:500-540:relogin"},
      {1000, "timer", "send:?"}}},
    {"closed while idle",
     {{500, "closed", "broke:closed close connect"},
      {501, "connected", "send:L"},
      {502, "ok", "accepted gap:closed:500-502:relogin"}}},
    {"reset after an unanswered question: the gap from the question",
     {{1000, "timer", "send:?"},
      {1200, "reset", "broke:reset close connect"},
      {1201, "connected", "send:L"},
      {1250, "ok", "accepted gap:reset:1000-1250:relogin"}}},
    {"reset after the answer: the question does not count any more",
     {{1000, "timer", "send:?"},
      {1010, "!", "answered"},
      {1200, "reset", "broke:reset close connect"},
      {1201, "connected", "send:L"},
      {1202, "ok", "accepted gap:reset:1200-1202:relogin"}}},
    {"never answered: given up, logged in anew",
     {{1000, "timer", "send:?"},
      {1300, "timer", ""},
      {1699, "timer", ""},
      {1700, "timer", "broke:timeout close connect"},
      {1701, "connected", "send:L"},
      {1800, "ok", "accepted gap:timeout:1000-1800:relogin"}}},
    {"one gap over many failed tries, and the first cause stays",
     {{500, "reset", "broke:reset close connect"},
      {501, "refused", "failed:refused close"},
      {550, "timer", ""},  // backing off 50 to 100 ms
      {601, "timer", "connect"},
      {602, "refused", "failed:refused close"},
      {802, "timer", "connect"},
      {803, "connected", "send:L"},
      {900, "ok", "accepted gap:reset:500-900:relogin"}}},
    {"the path is silent while connecting",
     {{500, "reset", "broke:reset close connect"},
      {799, "timer", ""},
      {800, "timer", "failed:timeout close"}}},
    {"the login is not answered",
     {{500, "reset", "broke:reset close connect"},
      {510, "connected", "send:L"},
      {809, "timer", ""},
      {810, "timer", "failed:timeout close"}}},
    {"a server that lets in and throws out: not at once a second time",
     {{500, "closed", "broke:closed close connect"},
      {501, "connected", "send:L"},
      {502, "ok", "accepted gap:closed:500-502:relogin"},
      {503, "closed", "broke:closed close"},
      {603, "timer", "connect"}}},
    {"an answered heartbeat makes the next try immediate again",
     {{500, "closed", "broke:closed close connect"},
      {501, "connected", "send:L"},
      {502, "ok", "accepted gap:closed:500-502:relogin"},
      {1000, "timer", "send:?"},
      {1001, "!", "answered"},
      {1100, "closed", "broke:closed close connect"}}},
    {"login and answer split and joined",
     {{500, "reset", "broke:reset close connect"},
      {501, "connected", "send:L"},
      {502, "not yet: o", ""},
      {503, "k and more!", "accepted gap:reset:500-503:relogin"},
      {1000, "timer", "send:?"},
      {1001, "!", "answered"}}},
    {"refused and own troubles of a held session, in a gap's words",
     {{500, "refused", "broke:reset close connect"},
      {501, "connected", "send:L"},
      {502, "ok", "accepted gap:reset:500-502:relogin"},
      {1000, "timer", "send:?"},
      {1001, "!", "answered"},
      {1002, "own", "broke:timeout close connect"}}},
    {"events that come too late change nothing",
     {{500, "reset", "broke:reset close connect"},
      {501, "ok", ""},
      {502, "refused", "failed:refused close"},
      {503, "reset", ""},
      {504, "connected", ""},
      {505, "ok", ""}}},
    {"stopped is the end", {{500, "stop", "close"}, {501, "reset", ""}, {9000, "timer", ""}}},
};

// Each begins logged in, too, which sends a canary's one heartbeat at once.
const Scene canary_scenes[] = {
    {"one heartbeat, then gone until its next turn",
     {{20, "!", "close answered"}, {1999, "timer", ""}, {2000, "timer", "connect"}},
     true},
    {"never answered: failed, no retry",
     {{308, "timer", ""}, {309, "timer", "broke:timeout close"}, {2000, "timer", "connect"}},
     true},
    {"reset: failed, no retry", {{20, "reset", "broke:reset close"}, {1999, "timer", ""}}, true},
};

void play(const Scene& scene, LoginSession& session) {
    CAPTURE(scene.name);
    for (const Line& line : scene.lines) {
        CAPTURE(line.ms);
        CAPTURE(line.event);
        CHECK(shown(tell(session, line)) == line.done);
        CHECK((session.deadline() < never || session.state() == LoginState::ended));
    }
}

}  // namespace

TEST_CASE("login session: behaves as the old app does") {
    const LoginScript meter = script();
    const LoginRules held = rules();
    for (const Scene& scene : scenes) {
        LoginSession session(meter, held, 17, 0, 0);
        play({scene.name, {std::begin(logged_in), std::end(logged_in)}}, session);
        CHECK(session.state() == LoginState::up);
        play(scene, session);
    }
}

TEST_CASE("login session: a canary logs in, asks once and goes") {
    const LoginScript meter = script();
    const LoginRules canary = rules(true);
    for (const Scene& scene : canary_scenes) {
        LoginSession session(meter, canary, 900'000, 0, 0);
        play({scene.name,
              {{0, "timer", "connect"}, {5, "connected", "send:L"}, {9, "ok", "send:? accepted"}}},
             session);
        play(scene, session);
        CHECK_FALSE(session.gap_since());
    }
}

TEST_CASE("login session: a gap is known as soon as the answer is overdue") {
    const LoginScript meter = script();
    const LoginRules held = rules();
    LoginSession session(meter, held, 17, 0, 0);
    play({"logged in", {std::begin(logged_in), std::end(logged_in)}}, session);
    session.on_timer(1'000'000);
    CHECK_FALSE(session.gap_since());
    session.on_timer(1'300'000);
    CHECK(session.gap_since() == 1'000'000);
    session.on_timer(1'700'000);  // given up
    CHECK(session.gap_since() == 1'000'000);
}

TEST_CASE("login session: a failure says at which step, and what came instead") {
    const LoginScript meter = script();
    const LoginRules held = rules();
    LoginSession session(meter, held, 17, 0, 0);
    session.on_timer(0);
    session.on_connected(1, local());
    session.on_bytes(2, "denied: bad user");
    CHECK(session.on_broken(3, LoginCause::closed).failure ==
          "session 17: step 2 of 2: closed; expected 6f6b, last received 6261642075736572");
    LoginSession silent(meter, held, 18, 0, 0);
    silent.on_timer(0);
    CHECK(silent.on_broken(3, LoginCause::refused).failure == "session 18: connecting: refused");
}

TEST_CASE("login session: tries back off, doubling, with jitter, up to the longest") {
    const LoginScript meter = script();
    const LoginRules held = rules();
    const int64_t longest[] = {100'000, 200'000, 400'000, 400'000, 400'000};
    bool jitter = false;
    int64_t first_pause = -1;
    for (uint32_t number = 0; number < 50; ++number) {
        LoginSession session(meter, held, number, 0, 0);
        session.on_timer(0);
        CHECK(session.on_broken(0, LoginCause::refused).connect);  // the first retry is immediate
        int64_t now = 0;
        for (const int64_t most : longest) {
            CHECK_FALSE(session.on_broken(now, LoginCause::refused).connect);
            const int64_t pause = session.deadline() - now;
            CHECK(pause <= most);
            CHECK(pause >= most / 2);
            jitter = jitter || (first_pause >= 0 && most == longest[0] && pause != first_pause);
            if (first_pause < 0) first_pause = pause;
            now = session.deadline();
            CHECK(session.on_timer(now).connect);
        }
    }
    CHECK(jitter);
}
