// setns(2), flock(2), inotify(7); CLOCK_BOOTTIME goes on while a host sleeps and cannot be set.
#include "lbsync/adapter/armed_undo.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "common/clock.h"
#include "common/far_program.h"
#include "common/hand_door.h"
#include "common/json/file.h"
#include "common/sha256.h"
#include "lbsync/adapter/hold.h"
#include "lbsync/adapter/place.h"
#include "lbsync/adapter/remote.h"
#include "lbsync/adapter/undo.h"
#include "lbsync/iptables/host_dump.h"

namespace rehome::lbsync {

namespace {

constexpr const char* us = "local";
constexpr int64_t second_us = 1'000'000;

int64_t boottime_us() {
    timespec now{};
    clock_gettime(CLOCK_BOOTTIME, &now);
    return now.tv_sec * second_us + now.tv_nsec / 1'000;
}

tl::unexpected<Error> failed(const std::string& where, std::string_view call) {
    return fail(Exit::world, where, fmt::format("{}: {}", call, strerror(errno)));
}

std::string record_of(const std::string& place) {
    return place + "/armed";
}

std::string arming_of(const std::string& place, const std::string& id) {
    return fmt::format("{}/{}.arming", place, id);
}

std::string timer_of(const std::string& place, const std::string& id) {
    return fmt::format("{}/{}.timer", place, id);
}

// Locked while a transaction of the apply is being loaded.
std::string loading_of(const std::string& place, const std::string& id) {
    return fmt::format("{}/{}.loading", place, id);
}

Fd open_to_lock(const std::string& path) {
    return Fd(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
}

bool exists(const std::string& path) {
    return access(path.c_str(), F_OK) == 0;
}

// It becomes a part of paths.
Result<> expect_id(const std::string& id) {
    const bool good =
        id.size() == 16 && id.find_first_not_of("0123456789abcdef") == std::string::npos;
    return good ? Result<>()
                : fail(Exit::usage, "the id", "is wrong, expected 16 hexadecimal digits");
}

// The place here, for what is done to that apply.
Result<std::string> place_for(const std::string& id) {
    return expect_id(id).and_then(place_here);
}

// The first of an input's mistakes: these files are ours alone.
template <typename T>
Result<T> first_of(Checked<T> checked) {
    return std::move(checked).map_error([](const std::vector<Error>& errors) {
        Error error = errors.front();
        error.kind = Exit::world;
        return error;
    });
}

Result<std::optional<Armed>> read_record(const std::string& place) {
    const std::string path = record_of(place);
    if (!exists(path)) {
        return std::optional<Armed>();
    }
    return read_file(path)
        .and_then([&](const std::string& text) { return first_of(parse_standing(path, text)); })
        .map([](const Standing& standing) { return standing.armed; });
}

Result<Armed> expect_record(const std::string& place, const std::string& id) {
    auto armed = read_record(place);
    if (!armed) {
        return tl::unexpected(armed.error());
    }
    if (!*armed || (*armed)->id != id) {
        return fail(Exit::no, "", "there is no such apply to be confirmed any more");
    }
    return std::move(**armed);
}

Result<> write_arming(const std::string& place, const Armed& armed) {
    Standing standing;
    standing.armed = armed;
    return write_file_atomically(arming_of(place, armed.id), to_json(standing).dump(1) + "\n");
}

// By the process that waits.  One that was started again finds the record standing.
Result<> take_on(const std::string& place, const std::string& id) {
    const std::string arming = arming_of(place, id);
    return !exists(arming) || rename(arming.c_str(), record_of(place).c_str()) == 0
               ? Result<>()
               : failed(arming, "cannot be renamed");
}

// The host's own network namespace, where what systemd starts would work too.
bool is_systemds() {
    struct stat ours {};
    struct stat first {};
    return exists("/run/systemd/system") && stat("/proc/self/ns/net", &ours) == 0 &&
           stat("/proc/1/ns/net", &first) == 0 && ours.st_ino == first.st_ino;
}

Result<> start_waiting(const std::string& place, const std::string& id) {
    const std::string program = path_of_ours(Host{}, "lbsync");
    if (is_systemds()) {
        return output_of(Host{}, waiting_command(program, place, id, true))
            .map([](const std::string&) {});
    }
    const Fd net(open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
    const std::string log = place + "/timer.log";
    const Fd out(open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
    if (!net || !out) {
        return failed(log, "cannot be opened");
    }
    return leave_behind("lbsync undo timer", waiting_command(program, place, id, false),
                        {net.get(), out.get(), out.get()})
        .map([](const ProcessMark&) {});
}

Result<> expect_waiting(const std::string& place, const std::string& id) {
    constexpr int64_t patience_us = 10 * second_us;
    const int64_t deadline = monotonic_us() + patience_us;
    while (!is_locked(timer_of(place, id)) || exists(arming_of(place, id))) {
        if (monotonic_us() > deadline) {
            return fail(Exit::world, place, "the process that is to undo did not start");
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return {};
}

// Whether its time is over: else there is no such record any more.
bool wait_for(const std::string& place, const Armed& armed) {
    const Fd watch(inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
    inotify_add_watch(watch.get(), place.c_str(), IN_DELETE | IN_MOVED_TO);
    std::array<char, 4096> events{};
    for (;;) {
        const auto record = read_record(place);
        const bool gone = record && (!*record || (*record)->id != armed.id);
        const int64_t left = armed.deadline_us - boottime_us();
        if (gone || left <= 0) {
            return !gone;
        }
        pollfd wanted{watch.get(), POLLIN, 0};
        poll(&wanted, 1, static_cast<int>(std::min<int64_t>(left / 1'000 + 1, 60'000)));
        while (read(watch.get(), events.data(), events.size()) > 0) {
        }
    }
}

Holder ourselves(bool yields) {
    return {who_we_are(), our_command(), iso8601(now_us()), own_mark(), yields};
}

// The lock on loading, when the transaction that has it has ended.
Fd end_of_loading(const std::string& place, const std::string& id) {
    constexpr int64_t patience_us = 120 * second_us;  // nft's own work: no line is waited for
    const int64_t deadline = monotonic_us() + patience_us;
    Fd loading = open_to_lock(loading_of(place, id));
    while (loading && flock(loading.get(), LOCK_EX | LOCK_NB) != 0 && monotonic_us() < deadline) {
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return loading;
}

Result<> undo_here(const std::string& place, const Armed& armed) {
    const Undone undone = undo(armed.saved, {}, 1);
    Standing standing;
    standing.undone = {armed.id, iso8601(now_us()), undone.done, {}};
    for (const Error& error : undone.left_undone) {
        standing.undone->left_undone.push_back(error.text());
    }
    auto written = write_file_atomically(place + "/undone", to_json(standing).dump(1) + "\n");
    if (unlink(record_of(place).c_str()) != 0) {
        return failed(record_of(place), "cannot be removed");
    }
    return written;
}

// What the apply made of each table must still stand.
Result<> expect_as_left(const Armed& armed) {
    const auto reading =
        Remote::to(us).and_then([](const Remote& remote) { return remote.ruleset(); });
    if (!reading) {
        return tl::unexpected(reading.error());
    }
    for (const SavedTable& table : armed.saved.tables) {
        const iptables::Dump none;
        const auto& dump = reading->iptables ? reading->iptables->dump : none;
        if (digest_of(reading->ruleset, dump, table.family, table.name) != table.after_sha256) {
            return fail(Exit::no, fmt::format("table {} {}", table.family, table.name),
                        "has been changed since the apply, expected what it made of it; it is "
                        "not confirmed, see `lbsync verify`");
        }
    }
    return {};
}

const SavedFile* saved_file(const Armed& armed, const std::string& path) {
    const auto found = std::find_if(armed.saved.files.begin(), armed.saved.files.end(),
                                    [&](const SavedFile& file) { return file.path == path; });
    return found == armed.saved.files.end() ? nullptr : &*found;
}

Result<> write_boot_file(const Armed& armed, const BootFile& file) {
    const SavedFile* saved = saved_file(armed, file.path);
    const auto now = read_file(file.path);
    if (!now || saved == nullptr || (*now != saved->before && *now != file.content)) {
        return fail(
            Exit::world, file.path,
            now ? "has been changed since the apply, expected what it was then" : now.error().what);
    }
    return write_file_atomically(file.path, file.content);
}

// All of them, or none: what was written is put back.
Result<> write_boot_files(const Armed& armed) {
    for (size_t i = 0; i < armed.boot.size(); ++i) {
        auto done = write_boot_file(armed, armed.boot[i]);
        if (done) {
            continue;
        }
        while (i-- > 0) {
            const std::string& path = armed.boot[i].path;
            if (auto back = write_file_atomically(path, saved_file(armed, path)->before); !back) {
                done.error().what += fmt::format("; left undone: {}", back.error().text());
            }
        }
        return done;
    }
    return {};
}

}  // namespace

Argv waiting_command(const std::string& program, const std::string& place, const std::string& id,
                     bool systemd) {
    Argv command{program, "wait", "--place", place, "--id", id};
    if (!systemd) {
        return command;
    }
    // systemd opens the file as standard input: the same namespace, by its usual name.  Killed, it
    // is started again.
    Argv argv{"systemd-run",
              "--quiet",
              "--collect",
              "--unit=lbsync-undo-" + id,
              "--property=StandardInput=file:/proc/self/ns/net",
              "--property=Restart=on-abnormal"};
    argv.insert(argv.end(), command.begin(), command.end());
    return argv;
}

Result<Armed> arm(Armed armed, int64_t seconds) {
    const auto place = place_here();
    if (!place) {
        return tl::unexpected(place.error());
    }
    const auto present = read_record(*place);
    if (!present) {
        return tl::unexpected(present.error());
    }
    if (*present) {
        return fail(Exit::no, "",
                    fmt::format("is unconfirmed until {} ({}): confirm or undo that first",
                                (*present)->until, (*present)->by));
    }
    const int64_t now = now_us();
    armed.since = iso8601(now);
    armed.until = iso8601(now + seconds * second_us);
    armed.deadline_us = boottime_us() + seconds * second_us;
    auto done = write_arming(*place, armed)
                    .and_then([&] { return start_waiting(*place, armed.id); })
                    .and_then([&] { return expect_waiting(*place, armed.id); });
    if (!done) {
        unlink(arming_of(*place, armed.id).c_str());
        unlink(record_of(*place).c_str());
        return tl::unexpected(done.error());
    }
    return armed;
}

Result<Standing> standing_here() {
    const auto place = place_here();
    if (!place) {
        return tl::unexpected(place.error());
    }
    auto armed = read_record(*place);
    if (!armed) {
        return tl::unexpected(armed.error());
    }
    Standing standing;
    standing.armed = std::move(*armed);
    standing.waits = standing.armed && is_locked(timer_of(*place, standing.armed->id));
    const std::string undone = *place + "/undone";
    if (!exists(undone)) {
        return standing;
    }
    return read_file(undone)
        .and_then([&](const std::string& text) { return first_of(parse_standing(undone, text)); })
        .map([&](const Standing& last) {
            standing.undone = last.undone;
            return standing;
        });
}

Result<> confirm(const std::string& id) {
    const auto place = place_for(id);
    if (!place) {
        return tl::unexpected(place.error());
    }
    const auto lock = take_lock(*place, ourselves(false));
    if (!lock) {
        return tl::unexpected(lock.error());
    }
    const auto armed = expect_record(*place, id);
    if (!armed) {
        return tl::unexpected(armed.error());
    }
    if (boottime_us() >= armed->deadline_us) {
        return fail(Exit::no, "",
                    is_locked(timer_of(*place, id))
                        ? "its time is over: it is being undone"
                        : "its time is over, and the process that was to undo it has gone: put it "
                          "back by `lbsync undo`");
    }
    return expect_as_left(*armed).and_then([&] { return write_boot_files(*armed); }).and_then([&] {
        return unlink(record_of(*place).c_str()) == 0
                   ? Result<>()
                   : failed(record_of(*place), "cannot be removed");
    });
}

Result<> disarm(const std::string& id) {
    const auto place = place_for(id);
    if (!place) {
        return tl::unexpected(place.error());
    }
    unlink(arming_of(*place, id).c_str());
    const auto armed = expect_record(*place, id);
    if (!armed) {
        return armed.error().kind == Exit::no ? Result<>() : tl::unexpected(armed.error());
    }
    return unlink(record_of(*place).c_str()) == 0 ? Result<>()
                                                  : failed(record_of(*place), "cannot be removed");
}

Result<Fd> begin_loading(const std::string& id) {
    const auto place = place_for(id);
    if (!place) {
        return tl::unexpected(place.error());
    }
    const std::string path = loading_of(*place, id);
    Fd loading = open_to_lock(path);
    if (!loading || flock(loading.get(), LOCK_EX | LOCK_NB) != 0) {
        return failed(path, "cannot be locked");
    }
    const auto armed = expect_record(*place, id);
    if (!armed) {
        return tl::unexpected(armed.error());
    }
    if (boottime_us() >= armed->deadline_us) {
        return fail(Exit::no, "", "its time is over: nothing is loaded any more");
    }
    return loading;
}

Result<> wait_and_undo(const std::string& place, const std::string& id) {
    if (setns(STDIN_FILENO, CLONE_NEWNET) != 0) {
        return failed("standard input", "is no network namespace");
    }
    if (auto good = expect_id(id); !good) {
        return good;
    }
    const std::string path = timer_of(place, id);
    const Fd alive = open_to_lock(path);
    if (!alive || flock(alive.get(), LOCK_EX | LOCK_NB) != 0) {
        return failed(path, "cannot be locked");
    }
    const auto armed = take_on(place, id).and_then([&] { return expect_record(place, id); });
    if (!armed) {
        return tl::unexpected(armed.error());
    }
    if (!wait_for(place, *armed)) {
        unlink(loading_of(place, id).c_str());
        unlink(path.c_str());
        return {};  // whoever has the lock keeps it
    }
    // Without the lock too: what cannot be had in time must not keep the old rules away.
    const auto lock = insist_on_lock(place, ourselves(false));
    const Fd loading = end_of_loading(place, id);
    // Whoever had the lock may have confirmed, or put all back.
    const auto still = expect_record(place, id);
    const bool gone = !still && still.error().kind == Exit::no;
    auto done = gone ? Result<>() : undo_here(place, *armed);
    unlink(loading_of(place, id).c_str());
    unlink(path.c_str());
    return done;
}

}  // namespace rehome::lbsync
