// One mutex guards all; the redrawing thread takes no signals, so that these reach the runner.
#include "cutover/adapter/terminal_watch.h"

#include <fmt/format.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <thread>

#include "cutover/adapter/terminal_prompt.h"
#include "cutover/run/event.h"
#include "cutover/run/lines.h"

namespace rehome::cutover {

namespace {

constexpr std::string_view green = "\x1b[32m";
constexpr std::string_view red = "\x1b[31m";
constexpr std::string_view bold = "\x1b[1m";
constexpr std::string_view plain = "\x1b[0m";
constexpr std::string_view clear_line = "\r\x1b[K";
constexpr size_t indent = 11;

size_t width() {
    return columns(STDOUT_FILENO);
}

struct Mark {
    std::string_view colour;
    std::string_view word;
};

Mark mark(Happened what) {
    switch (what) {
        case Happened::done:
            return {green, "ok"};
        case Happened::undone:
            return {green, "undone"};
        case Happened::failed:
        case Happened::undo_failed:
            return {red, "FAILED"};
        case Happened::undo_skipped:
            return {red, "skipped"};
        case Happened::unproven:
            return {red, "unproven"};
        case Happened::turned_back:
        case Happened::stopped:
            return {bold, name(what)};
        default:
            return {plain, name(what)};
    }
}

class TerminalWatch : public Watch {
public:
    TerminalWatch(const Plan& plan, Outlet& out)
        : out_(out), colour_(std::getenv("NO_COLOR") == nullptr), all_(plan.steps.size()) {
        for (const Step& step : plan.steps) {
            order_.push_back(step.id);
        }
        sigset_t every;
        sigset_t before;
        sigfillset(&every);
        pthread_sigmask(SIG_SETMASK, &every, &before);
        ticker_ = std::jthread([this](const std::stop_token& end) { tick(end); });
        pthread_sigmask(SIG_SETMASK, &before, nullptr);
    }

    ~TerminalWatch() override {
        ticker_.request_stop();
        ticker_.join();
        out_.put(clear_line);
    }

    void record(const Record& record) override {
        // Who is here is asked, and answers, by the prompt.
        const bool by_prompt = record.what == Happened::asked || record.what == Happened::answered;
        if (by_prompt && terminal_is_there()) {
            return;
        }
        const std::lock_guard guard(mutex_);
        out_.put(clear_line);
        if (record.what == Happened::begun || record.what == Happened::undo_begun) {
            begin(record);
        } else {
            print(record);
            current_.clear();
        }
        draw();
    }

    void reading(const Step&, const Reading& reading, UnixMicros) override {
        const std::lock_guard guard(mutex_);
        figures_ = reading_text(reading);
        draw();
    }

    void notice(const std::string& text, UnixMicros) override {
        const std::lock_guard guard(mutex_);
        out_.put(clear_line);
        out_.put(wrapped("  " + plain_text(text), width() - 1, 4) + "\n");
        draw();
    }

    void pause() override {
        const std::lock_guard guard(mutex_);
        current_.clear();
        out_.put(clear_line);
    }

private:
    std::string painted(std::string_view colour, const std::string& text) const {
        return colour_ ? fmt::format("{}{}{}", colour, text, plain) : text;
    }

    void begin(const Record& record) {
        const std::string stage = record.step.substr(0, record.step.find('/'));
        if (stage != stage_) {
            stage_ = stage;
            out_.put(painted(bold, one_line("stage " + stage, width())) + "\n");
        }
        const auto found = std::find(order_.begin(), order_.end(), record.step);
        number_ = static_cast<size_t>(found - order_.begin()) + 1;
        current_ = (record.what == Happened::undo_begun ? "undo " : "") + record.step;
        figures_.clear();
        began_us_ = monotonic_us();
    }

    // What failed is told in full; what went well in one line.
    void print(const Record& record) {
        const Mark how = mark(record.what);
        const std::string all =
            fmt::format("  {:<8} {}{}{}", how.word, record.step,
                        record.step.empty() || record.text.empty() ? "" : ": ", record.text);
        const std::string text = how.colour == green || how.colour == plain
                                     ? one_line(all, width() - 1)
                                     : wrapped(all, width() - 1, indent);
        // Painted after the cut, which must not count what paints.
        const size_t end = std::min<size_t>(text.size(), 2 + std::max<size_t>(how.word.size(), 8));
        out_.put("  " + painted(how.colour, text.substr(2, end - 2)) + text.substr(end) + "\n");
    }

    void draw() {
        if (!current_.empty()) {
            const auto elapsed_s = (monotonic_us() - began_us_) / 1'000'000;
            const std::string line =
                fmt::format("  {:>3}/{} {} {} s  {}", number_, all_, current_, elapsed_s, figures_);
            out_.sketch(fmt::format("{}{}", clear_line, one_line(line, width() - 1)));
        }
    }

    void tick(const std::stop_token& end) {
        std::unique_lock lock(mutex_);
        while (!end.stop_requested()) {
            wake_.wait_for(lock, end, std::chrono::seconds(1), [] { return false; });
            draw();
        }
    }

    Outlet& out_;
    const bool colour_;
    const size_t all_;
    std::vector<std::string> order_;  // the steps' ids
    std::mutex mutex_;
    std::condition_variable_any wake_;
    std::string stage_;
    std::string current_;  // what is going on; empty: nothing
    std::string figures_;
    size_t number_ = 0;
    int64_t began_us_ = 0;
    std::jthread ticker_;
};

}  // namespace

std::unique_ptr<Watch> make_terminal_watch(const Plan& plan, Outlet& out) {
    return std::make_unique<TerminalWatch>(plan, out);
}

}  // namespace rehome::cutover
