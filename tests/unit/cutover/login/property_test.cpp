// A session in a world that does anything at any time: whatever the order of events, it is never
// stuck, never acts on a connection that is not there, and its gaps never overlap; and once the
// world behaves, it is up again.
#include <doctest/doctest.h>

#include <algorithm>
#include <random>

#include "cutover/login/session.h"
#include "cutover/login/tally.h"
#include "cutover/login/timers.h"

using namespace rehome;
using namespace rehome::cutover;

namespace {

LoginScript script() {
    Login login;
    login.steps = {{LoginStep::Kind::expect, {"hi"}},
                   {LoginStep::Kind::send, {"L"}},
                   {LoginStep::Kind::expect, {"ok"}}};
    login.heartbeat_send = {"?"};
    login.heartbeat_expect = {"!"};
    return LoginScript(login);
}

// The far side and the network, as the driver sees them, and the checks on every step.
class World {
public:
    World(const LoginScript& meter, const LoginRules& rules, unsigned seed)
        : session_(meter, rules, 7, 123'000, 0), tally_(1), rules_(rules), random_(seed) {}

    // Something happens: the alarm, or an event that the state of the connection allows.
    void step() {
        const int64_t until_alarm = session_.deadline() - now_;
        REQUIRE(session_.deadline() < never);
        if (random_() % 3 == 0 || until_alarm <= 0) {
            now_ = std::max(now_, session_.deadline());
            const int64_t deadline = session_.deadline();
            take([this] { return session_.on_timer(now_); });
            REQUIRE(session_.deadline() > deadline);
            return;
        }
        now_ += static_cast<int64_t>(random_() % static_cast<uint64_t>(until_alarm));
        event(random_() % 8);
    }

    // From now on every connection is accepted and every question answered.
    bool comes_up(int64_t within_us) {
        const int64_t end = now_ + within_us;
        while (now_ < end) {
            if (connection_ == Connection::pending) {
                event(0);
            } else if (connection_ == Connection::open && session_.state() != LoginState::up) {
                take([this] { return session_.on_bytes(now_, "hi ok !"); });
            } else if (session_.state() == LoginState::up && !session_.gap_since()) {
                return true;
            } else {
                now_ = session_.deadline();
                take([this] { return session_.on_timer(now_); });
            }
        }
        return false;
    }

    uint64_t gaps() const { return tally_.counts(now_).gaps.count(); }

private:
    enum class Connection { none, pending, open };

    void event(uint64_t kind) {
        constexpr LoginCause ends[] = {LoginCause::reset, LoginCause::closed, LoginCause::timeout,
                                       LoginCause::refused, LoginCause::own};
        constexpr std::string_view texts[] = {"h",  "i", "hi",      "hi o", "k",
                                              "ok", "!", "x!ok!hi", ""};
        if (connection_ == Connection::none) return;
        if (kind == 7) {
            connection_ = Connection::none;
            return take(
                [&] { return session_.on_broken(now_, ends[random_() % std::size(ends)]); });
        }
        if (connection_ == Connection::pending) {
            connection_ = Connection::open;
            return take([this] { return session_.on_connected(now_, {Address::v4(1), 1}); });
        }
        take([&] { return session_.on_bytes(now_, texts[random_() % std::size(texts)]); });
    }

    template <typename Act>
    void take(Act act) {
        const LoginView before(session_);
        const LoginActions actions = act();
        tally_.note(before, session_, actions);
        if (actions.close) connection_ = Connection::none;
        if (actions.connect) {
            REQUIRE(connection_ == Connection::none);
            connection_ = Connection::pending;
        }
        if (!actions.send.empty()) REQUIRE(connection_ == Connection::open);
        if (actions.gap) check_gap(*actions.gap);
        check_state();
    }

    void check_gap(const LoginGap& gap) {
        REQUIRE(gap.from_us <= gap.to_us);
        REQUIRE(gap.from_us >= last_gap_end_);
        REQUIRE(gap.to_us == now_);
        REQUIRE(gap.relogin == (gap.cause != LoginCause::slow));
        const bool known = gap.cause != LoginCause::refused && gap.cause != LoginCause::own;
        REQUIRE(known);
        last_gap_end_ = gap.to_us;
    }

    void check_state() const {
        const LoginState state = session_.state();
        const bool waits_alone = state == LoginState::idle || state == LoginState::backing_off;
        REQUIRE(waits_alone == (connection_ == Connection::none));
        REQUIRE((state == LoginState::connecting) == (connection_ == Connection::pending));
        REQUIRE(session_.deadline() - now_ <= rules_.give_up_us + rules_.heartbeat_us);
        const LoginCounts counts = tally_.counts(now_);
        REQUIRE(counts.up == (state == LoginState::up || state == LoginState::asking ? 1 : 0));
        REQUIRE(counts.open_gaps == (session_.gap_since() ? 1 : 0));
        REQUIRE(counts.gaps.count() == counts.slow + counts.broken() -
                                           (session_.gap_since() && state != LoginState::overdue));
    }

    LoginSession session_;
    LoginTally tally_;
    LoginRules rules_;
    std::mt19937_64 random_;
    Connection connection_ = Connection::none;
    int64_t now_ = 0;
    int64_t last_gap_end_ = 0;
};

}  // namespace

TEST_CASE("login session: any order of events keeps it alive and its gaps apart") {
    const LoginScript meter = script();
    const LoginRules rules = {300'000, 700'000, 1'000'000, 100'000, 400'000, false, 0};
    uint64_t gaps = 0;
    for (unsigned seed = 0; seed < 300; ++seed) {
        CAPTURE(seed);
        World world(meter, rules, seed);
        for (int i = 0; i < 500; ++i) world.step();
        CHECK(world.comes_up(3'000'000));
        gaps += world.gaps();
    }
    CHECK(gaps > 1'000);  // the worlds were rough enough to mean something
}
