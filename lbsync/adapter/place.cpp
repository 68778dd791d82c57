// flock(2), setns(2)'s /proc/self/ns/net.
#include "lbsync/adapter/place.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "common/clock.h"
#include "common/json/file.h"

namespace rehome::lbsync {

namespace {

using nlohmann::json;

constexpr const char* root = "/run/lbsync";
constexpr std::chrono::milliseconds pause(20);
constexpr int64_t patience_us = 30'000'000;

tl::unexpected<Error> failed(const std::string& path, std::string_view call) {
    return fail(Exit::world, path, fmt::format("{}: {}", call, strerror(errno)));
}

bool make_folder(const char* path) {
    return mkdir(path, 0700) == 0 || errno == EEXIST;
}

json to_json(const Holder& holder) {
    return {
        {"by", holder.by},           {"command", holder.command},     {"since", holder.since},
        {"pid", holder.process.pid}, {"start", holder.process.start}, {"boot", holder.process.boot},
        {"yields", holder.yields}};
}

Result<> write_line(const Fd& fd, const std::string& path, const std::string& line) {
    const bool done = ftruncate(fd.get(), 0) == 0 && pwrite(fd.get(), line.data(), line.size(),
                                                            0) == static_cast<ssize_t>(line.size());
    return done ? Result<>() : failed(path, "cannot be written");
}

Result<Fd> open_lock(const std::string& path) {
    Fd fd(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    return fd ? Result<Fd>(std::move(fd)) : failed(path, "cannot be opened");
}

}  // namespace

Result<std::string> place_here() {
    struct stat net {};
    if (stat("/proc/self/ns/net", &net) != 0) {
        return failed("/proc/self/ns/net", "cannot be read");
    }
    const std::string place = fmt::format("{}/net-{}", root, net.st_ino);
    if (!make_folder(root) || !make_folder(place.c_str())) {
        return failed(place, "cannot be made");
    }
    return place;
}

std::string Holder::text() const {
    return fmt::format("{}, since {}: {}", by, since, command);
}

Result<Fd> take_lock(const std::string& place, const Holder& holder) {
    const std::string path = place + "/lock";
    auto fd = open_lock(path);
    if (!fd) {
        return fd;
    }
    if (flock(fd->get(), LOCK_EX | LOCK_NB) != 0) {
        const auto other = holder_of(place);
        return fail(Exit::no, "",
                    "is locked by " + (other ? other->text() : "a process that says no name") +
                        "; wait for its end");
    }
    auto written = write_line(*fd, path, to_json(holder).dump());
    return written ? std::move(fd) : tl::unexpected(written.error());
}

Result<Fd> insist_on_lock(const std::string& place, const Holder& holder) {
    const int64_t deadline = monotonic_us() + patience_us;
    for (;;) {
        auto fd = take_lock(place, holder);
        if (fd || fd.error().kind != Exit::no || monotonic_us() > deadline) {
            return fd;
        }
        const auto other = holder_of(place);
        if (const Fd pidfd = other && other->yields ? open_process(other->process) : Fd()) {
            signal_process(pidfd, SIGTERM);
        }
        std::this_thread::sleep_for(pause);
    }
}

std::optional<Holder> holder_of(const std::string& place) {
    const std::string path = place + "/lock";
    if (!is_locked(path)) {
        return {};
    }
    const auto text = read_file(path);
    const json line = text ? json::parse(*text, nullptr, false) : json();
    if (!line.is_object()) {
        return {};
    }
    const ProcessMark process{line.value("pid", 0), line.value("start", uint64_t{0}),
                              line.value("boot", "")};
    return Holder{line.value("by", ""), line.value("command", ""), line.value("since", ""), process,
                  line.value("yields", false)};
}

bool is_locked(const std::string& path) {
    const Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    return fd && flock(fd.get(), LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

}  // namespace rehome::lbsync
