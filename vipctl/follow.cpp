#include "vipctl/follow.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <optional>
#include <thread>

#include "common/clock.h"
#include "vipctl/show.h"

namespace rehome::vipctl {

namespace {

using nlohmann::json;

constexpr auto progress_every = std::chrono::milliseconds(200);
constexpr int64_t standstill_us = 30'000'000;
constexpr size_t terminal_columns = 78;

// What was ordered there.  Not by its id, which is another one once vipd was restarted.
json find_order(const json& status, const json& ordered) {
    const auto same = [&](const json& order, const char* key) {
        return order.value(key, json()) == ordered.value(key, json());
    };
    for (const json& order : status.value("disabled", json::array())) {
        if (same(order, "level") && same(order, "name") && same(order, "at")) {
            return order;
        }
    }
    return {};
}

class Course {
public:
    explicit Course(Answered& of) : of_(of) {}

    bool over() const { return ended_ || error_; }
    const std::optional<Error>& error() const { return error_; }

    void look(const std::string& socket) {
        const auto status = ask_gateway(socket, of_.gateway, {{"command", "status"}});
        if (!status) {
            stands_still("cannot tell, for 30 s: " + status.error().text());
            return;
        }
        json now = find_order(*status, order());
        if (now.is_null()) {
            error_ = Error{Exit::no, "", "another order has taken its place"};
            return;
        }
        const bool waits_for_more = now.value("left", json()) == 0;
        if (now != order() || waits_for_more) {
            moved_us_ = monotonic_us();
        } else {
            stands_still("no flow has ended in 30 s, expected progress; it is still running");
        }
        ended_ = now.value("course", json()) != "running";
        of_.answer["disabled"] = std::move(now);
    }

    const json& order() const { return of_.answer["disabled"]; }
    std::string name() const { return of_.gateway.value("gateway", "this gateway"); }
    // In a few words, beside others.
    std::string short_text() const {
        if (over()) {
            return fmt::format("{}: {}", name(), ended_ ? "done" : "given up");
        }
        const json left = order().value("left", json()), end_s = order().value("end_s", json());
        return fmt::format(
            "{}: {} left{}", name(), left.is_null() ? "?" : left.dump(),
            end_s.is_number() ? fmt::format(", about {:.0f} s", end_s.get<double>()) : "");
    }

private:
    void stands_still(const std::string& why) {
        if (monotonic_us() - moved_us_ > standstill_us) {
            error_ = Error{Exit::world, "", why};
        }
    }

    Answered& of_;
    int64_t moved_us_ = monotonic_us();
    bool ended_ = false;
    std::optional<Error> error_;
};

void show_progress(const std::vector<Course>& courses) {
    std::string line;
    for (const Course& course : courses) {
        line += (line.empty() ? "" : "; ") + course.short_text();
    }
    if (courses.size() == 1) {
        line = show_disabled(courses.front().order());
    }
    fmt::print(stderr, "\r\033[K{}", line.substr(0, terminal_columns));
}

Result<> outcome(const std::vector<Course>& courses) {
    std::string failed, ended;
    Exit kind = Exit::yes;
    for (const Course& course : courses) {
        if (course.error()) {
            failed += fmt::format("{}{}: {}", failed.empty() ? "" : "; ", course.name(),
                                  course.error()->text());
            kind = std::max(kind, course.error()->kind);
        } else {
            ended += (ended.empty() ? "" : ", ") + course.name();
        }
    }
    if (failed.empty()) {
        return {};
    }
    return fail(kind, "weak", failed + (ended.empty() ? "" : "; its flows have ended at " + ended));
}

}  // namespace

Result<> follow_to_end(const std::string& socket, std::vector<Answered>& at) {
    const bool terminal = isatty(STDERR_FILENO) != 0;
    std::vector<Course> courses(at.begin(), at.end());
    const auto over = [](const Course& course) { return course.over(); };
    for (;;) {
        for (Course& course : courses) {
            if (!course.over()) {
                course.look(socket);
            }
        }
        if (std::all_of(courses.begin(), courses.end(), over)) {
            break;
        }
        if (terminal) {
            show_progress(courses);
        }
        std::this_thread::sleep_for(progress_every);
    }
    fmt::print(stderr, "{}", terminal ? "\r\033[K" : "");
    return outcome(courses);
}

}  // namespace rehome::vipctl
