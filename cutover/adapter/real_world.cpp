#include "cutover/adapter/real_world.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "common/fd.h"
#include "common/json/file.h"
#include "cutover/run/event.h"

namespace rehome::cutover {

namespace {

Milliseconds milliseconds(Seconds time) {
    return std::max(std::chrono::duration_cast<Milliseconds>(time), Milliseconds(1));
}

}  // namespace

Result<Finished> RealWorld::run(const Step& step, const Argv& argv, Seconds limit) {
    return hands_.at(step.host).look(argv, milliseconds(limit));
}

Fate RealWorld::act(const Step& step, const Argv& argv, size_t line) {
    const Entry entry{line, journal_.last_sum(), step.id, step.survives, step.leaves};
    return hands_.at(step.host).act(argv, milliseconds(step.timeout), entry);
}

Fate RealWorld::recall(const Step& step, size_t line) {
    return hands_.at(step.host).recall(line);
}

Result<> RealWorld::save(const std::string& path, const std::string& content) {
    return write_file_atomically(path, content);
}

Result<> RealWorld::keep(const Step& step, const Result<Finished>& answer, const Reading& reading) {
    const std::string path = journal_.read().opening.run_dir + "/samples.jsonl";
    const Fd file(open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640));
    const std::string line = sample_json(step, answer, reading, now()) + "\n";
    std::string_view left = line;
    while (file && !left.empty()) {
        const ssize_t count = write(file.get(), left.data(), left.size());
        if (count <= 0 && errno != EINTR) {
            break;
        }
        left.remove_prefix(static_cast<size_t>(std::max<ssize_t>(count, 0)));
    }
    if (!file || !left.empty()) {
        return fail(Exit::world, path, fmt::format("cannot be written: {}", strerror(errno)));
    }
    return {};
}

void RealWorld::begin_guard(size_t place, const Guard& guard) {
    guards_.begin(place, guard);
}

}  // namespace rehome::cutover
