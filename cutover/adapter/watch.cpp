#include "cutover/adapter/watch.h"

#include <fmt/format.h>
#include <unistd.h>

#include "cutover/adapter/terminal_watch.h"
#include "cutover/run/event.h"

namespace rehome::cutover {

namespace {

class PlainWatch : public Watch {
public:
    explicit PlainWatch(Outlet& out) : out_(out) {}

    void record(const Record& record) override { out_.put(event_text(record) + "\n"); }

    // A gate that says the same each second would fill a log.
    void reading(const Step& step, const Reading& reading, UnixMicros at) override {
        const std::string text = step.id + ": " + reading_text(reading);
        if (text != last_) {
            out_.put(fmt::format("{} reading {}\n", iso8601(at), text));
        }
        last_ = text;
    }

    void notice(const std::string& text, UnixMicros at) override {
        out_.put(fmt::format("{} notice {}\n", iso8601(at), text));
    }

private:
    Outlet& out_;
    std::string last_;
};

class JsonWatch : public Watch {
public:
    explicit JsonWatch(Outlet& out) : out_(out) {}

    void record(const Record& record) override { out_.put(event_json(record) + "\n"); }

    void reading(const Step& step, const Reading& reading, UnixMicros at) override {
        out_.put(reading_json(step, reading, at) + "\n");
    }

    void notice(const std::string& text, UnixMicros at) override {
        out_.put(notice_json(text, at) + "\n");
    }

private:
    Outlet& out_;
};

}  // namespace

std::string dropped_text(size_t lines) {
    return fmt::format(
        "\ncutover: {} lines were dropped here, as nobody took them; the journal has them\n",
        lines);
}

std::string dropped_json(size_t lines) {
    return fmt::format("{{\"event\":\"dropped\",\"lines\":{}}}\n", lines);
}

std::unique_ptr<Watch> make_watch(const Plan& plan, bool json, Outlet& out) {
    if (json) {
        return std::make_unique<JsonWatch>(out);
    }
    if (isatty(STDOUT_FILENO) == 1) {
        return make_terminal_watch(plan, out);
    }
    return std::make_unique<PlainWatch>(out);
}

}  // namespace rehome::cutover
