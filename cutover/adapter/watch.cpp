#include "cutover/adapter/watch.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>

#include "cutover/adapter/terminal_watch.h"
#include "cutover/run/event.h"

namespace rehome::cutover {

namespace {

class PlainWatch : public Watch {
public:
    void record(const Record& record) override { put(event_text(record) + "\n"); }

    // A gate that says the same each second would fill a log.
    void reading(const Step& step, const Reading& reading, UnixMicros at) override {
        const std::string text = step.id + ": " + reading_text(reading);
        if (text != last_) {
            put(fmt::format("{} reading {}\n", iso8601(at), text));
        }
        last_ = text;
    }

private:
    std::string last_;
};

class JsonWatch : public Watch {
public:
    void record(const Record& record) override { put(event_json(record) + "\n"); }

    void reading(const Step& step, const Reading& reading, UnixMicros at) override {
        put(reading_json(step, reading, at) + "\n");
    }
};

}  // namespace

void put(std::string_view text) {
    while (!text.empty()) {
        const ssize_t count = write(STDOUT_FILENO, text.data(), text.size());
        if (count < 0 && errno != EINTR) {
            return;
        }
        text.remove_prefix(count > 0 ? static_cast<size_t>(count) : 0);
    }
}

std::unique_ptr<Watch> make_watch(const Plan& plan, bool json) {
    if (json) {
        return std::make_unique<JsonWatch>();
    }
    if (isatty(STDOUT_FILENO) == 1) {
        return make_terminal_watch(plan);
    }
    return std::make_unique<PlainWatch>();
}

}  // namespace rehome::cutover
