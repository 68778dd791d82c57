#include "cutover/adapter/hand/folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "common/json/file.h"
#include "common/sha256.h"

namespace rehome::cutover {

namespace {

namespace fs = std::filesystem;

constexpr size_t longest_record = size_t{1} << 30;
constexpr size_t runs_kept = 20;
constexpr auto kept_for = std::chrono::hours(24 * 90);

Error system_error(const std::string& path, const char* call) {
    return {Exit::world, path, fmt::format("{}: {}", call, strerror(errno))};
}

Result<> make_folder(const std::string& path) {
    std::error_code error;
    fs::create_directories(path, error);
    if (error || chmod(path.c_str(), 0700) != 0) {
        return fail(Exit::world, path,
                    "cannot be made: " + (error ? error.message() : strerror(errno)));
    }
    return {};
}

Fd open_for(const std::string& path, int flags) {
    return Fd(::open(path.c_str(), flags | O_RDWR | O_CREAT | O_CLOEXEC, 0600));
}

// Nothing when there is no such file.
Result<std::optional<std::string>> read_if_there(const std::string& path, size_t limit = 1u << 20) {
    std::error_code error;
    if (!fs::exists(path, error)) {
        return std::optional<std::string>();
    }
    auto text = read_file(path, limit);
    return text ? Result<std::optional<std::string>>(std::move(*text))
                : tl::unexpected(text.error());
}

std::string lock_file(const std::string& place) {
    return place + "/lock.json";
}

Result<std::optional<Holder>> read_holder_at(const std::string& place) {
    const auto text = read_if_there(lock_file(place));
    if (!text || !*text) {
        return text ? Result<std::optional<Holder>>(std::nullopt) : tl::unexpected(text.error());
    }
    auto holder = parse_holder(lock_file(place), **text);
    return holder ? Result<std::optional<Holder>>(std::move(*holder))
                  : tl::unexpected(holder.error());
}

Result<Fd> guard_of(const std::string& place) {
    Fd fd = open_for(place + "/guard", 0);
    if (!fd || flock(fd.get(), LOCK_EX) != 0) {
        return tl::unexpected(system_error(place + "/guard", "lock"));
    }
    return fd;
}

Result<bool> drop_holder(const std::string& place, const std::string& run) {
    const auto holder = read_holder_at(place);
    if (!holder || !*holder || (*holder)->run != run) {
        return holder ? Result<bool>(false) : tl::unexpected(holder.error());
    }
    std::error_code error;
    fs::remove(lock_file(place), error);
    if (error) {
        return fail(Exit::world, lock_file(place), "cannot be removed: " + error.message());
    }
    return true;
}

// Whether a hand or its commands are there.
bool is_in_use(const fs::path& run) {
    const Fd fd(::open((run / "lock").c_str(), O_RDWR | O_CLOEXEC));
    return fd && flock(fd.get(), LOCK_EX | LOCK_NB) != 0;
}

}  // namespace

std::string default_hand_base() {
    if (const char* given = std::getenv("REHOME_HAND_DIR"); given != nullptr && *given == '/') {
        return given;
    }
    if (geteuid() == 0) {
        return "/var/lib/rehome/hand";
    }
    if (const char* state = std::getenv("XDG_STATE_HOME"); state != nullptr && *state == '/') {
        return std::string(state) + "/rehome/hand";
    }
    const char* home = std::getenv("HOME");
    return std::string(home != nullptr ? home : "") + "/.local/state/rehome/hand";
}

Result<HandFolder> HandFolder::open(const std::string& base, const std::string& place,
                                    const std::string& run, const std::string& as) {
    const std::string mark = as.empty() ? "" : "-" + sha256(as).substr(0, 8);
    HandFolder folder(base + "/" + place, run, run + mark);
    for (const std::string& path : {base, folder.place_, folder.run_}) {
        if (auto made = make_folder(path); !made) {
            return tl::unexpected(made.error());
        }
    }
    folder.lock_ = open_for(folder.run_ + "/lock", 0);
    if (!folder.lock_) {
        return tl::unexpected(system_error(folder.run_ + "/lock", "open"));
    }
    return folder;
}

Result<Fd> HandFolder::guard() const {
    return guard_of(place_);
}

Result<Reign> HandFolder::reign() const {
    const std::string path = run_ + "/reign.json";
    const auto text = read_if_there(path);
    if (!text) {
        return tl::unexpected(text.error());
    }
    return *text ? parse_reign(path, **text) : Reign();
}

Result<> HandFolder::write(const Reign& reign) const {
    return write_file_atomically(run_ + "/reign.json", text_of(reign));
}

Result<std::optional<Holder>> HandFolder::holder() const {
    return read_holder_at(place_);
}

Result<> HandFolder::write(const Holder& holder) const {
    return write_file_atomically(lock_file(place_), text_of(holder));
}

Result<> HandFolder::release() const {
    const auto guarded = guard();
    if (!guarded) {
        return tl::unexpected(guarded.error());
    }
    const auto dropped = drop_holder(place_, id_);
    return dropped ? Result<>() : tl::unexpected(dropped.error());
}

Result<bool> HandFolder::try_lock() {
    if (flock(lock_.get(), LOCK_EX | LOCK_NB) == 0) {
        return true;
    }
    return errno == EWOULDBLOCK ? Result<bool>(false)
                                : tl::unexpected(system_error(run_ + "/lock", "lock"));
}

Result<HandRecord> HandFolder::look() const {
    const auto text = read_if_there(record_path(), longest_record);
    return text ? read_record(record_path(), text->value_or("")) : tl::unexpected(text.error());
}

Result<HandRecord> HandFolder::read() {
    record_ = open_for(record_path(), O_APPEND);
    if (!record_) {
        return tl::unexpected(system_error(record_path(), "open"));
    }
    const auto text = read_file(record_path(), longest_record);
    if (!text) {
        return tl::unexpected(text.error());
    }
    auto record = read_record(record_path(), *text);
    if (record && ftruncate(record_.get(), static_cast<off_t>(record->whole_bytes)) != 0) {
        return tl::unexpected(system_error(record_path(), "truncate"));
    }
    return record;
}

// What did not fit is taken back: the next line must not end one that was cut short.
Result<> HandFolder::append(const std::string& line) {
    const off_t before = lseek(record_.get(), 0, SEEK_END);
    std::string_view left = line;
    while (!left.empty()) {
        const ssize_t count = ::write(record_.get(), left.data(), left.size());
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count <= 0) {
            const Error error = system_error(record_path(), "write");
            (void)!ftruncate(record_.get(), before);
            return tl::unexpected(error);
        }
        left.remove_prefix(static_cast<size_t>(count));
    }
    return {};
}

Result<> HandFolder::sync() {
    return fdatasync(record_.get()) == 0 ? Result<>()
                                         : tl::unexpected(system_error(record_path(), "fdatasync"));
}

void HandFolder::remove_old_runs() const {
    std::vector<std::pair<fs::file_time_type, fs::path>> runs;
    std::error_code error;
    for (const fs::directory_entry& entry : fs::directory_iterator(place_, error)) {
        if (entry.is_directory(error) && entry.path() != run_) {
            runs.emplace_back(fs::last_write_time(entry.path(), error), entry.path());
        }
    }
    std::sort(runs.rbegin(), runs.rend());
    const auto oldest = fs::file_time_type::clock::now() - kept_for;
    for (size_t i = 0; i < runs.size(); ++i) {
        const auto& [time, path] = runs[i];
        if ((i >= runs_kept || time < oldest) && !is_in_use(path)) {
            fs::remove_all(path, error);
        }
    }
}

Result<std::optional<Holder>> holder_of(const std::string& base, const std::string& place) {
    return read_holder_at(base + "/" + place);
}

Result<bool> give_up(const std::string& base, const std::string& place, const std::string& run) {
    const auto guarded = guard_of(base + "/" + place);
    return guarded ? drop_holder(base + "/" + place, run) : tl::unexpected(guarded.error());
}

std::vector<std::string> places_in(const std::string& base) {
    std::vector<std::string> places;
    std::error_code error;
    for (const fs::directory_entry& entry : fs::directory_iterator(base, error)) {
        if (entry.is_directory(error)) {
            places.push_back(entry.path().filename());
        }
    }
    std::sort(places.begin(), places.end());
    return places;
}

}  // namespace rehome::cutover
