#include "cutover/adapter/journal_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "common/json/file.h"

namespace rehome::cutover {

namespace {

constexpr size_t longest_journal = 256u << 20;

struct flock whole_file_lock() {
    struct flock lock {};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    return lock;
}

Error no_run(const std::string& path) {
    return {Exit::usage, path, "no run was begun in it, expected a journal of `cutover run`"};
}

// A new name is on disk only once its folder is.
Result<> sync_folder_of(const std::string& path) {
    const auto folder = std::filesystem::absolute(path).parent_path();
    const Fd fd(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd || fsync(fd.get()) != 0) {
        return fail(Exit::world, folder, fmt::format("fsync: {}", strerror(errno)));
    }
    return {};
}

}  // namespace

Error JournalFile::system_error(const char* call) const {
    return {Exit::world, path_, fmt::format("{}: {}", call, strerror(errno))};
}

Result<JournalFile> JournalFile::lock(const std::string& path, int flags) {
    JournalFile file(Fd(::open(path.c_str(), flags | O_RDWR | O_CLOEXEC, 0640)), path);
    if (!file.fd_) {
        Error error = file.system_error("open");
        error.kind = Exit::usage;
        return tl::unexpected(error);
    }
    struct flock wanted = whole_file_lock();
    if (fcntl(file.fd_.get(), F_OFD_SETLK, &wanted) == 0) {
        return file;
    }
    if (errno == EAGAIN || errno == EACCES) {
        return fail(Exit::world, path, "another cutover is running with this journal");
    }
    return tl::unexpected(file.system_error("lock"));
}

Result<std::optional<Journal>> JournalFile::read_all() {
    const auto text = read_file(path_, longest_journal);
    if (!text) {
        return tl::unexpected(text.error());
    }
    return read_journal(path_, *text);
}

Result<> JournalFile::cut_to(size_t bytes) {
    if (ftruncate(fd_.get(), static_cast<off_t>(bytes)) != 0 || lseek(fd_.get(), 0, SEEK_END) < 0 ||
        fsync(fd_.get()) != 0) {
        return tl::unexpected(system_error("truncate"));
    }
    return {};
}

Result<JournalFile> JournalFile::create(const std::string& path, const Opening& opening) {
    auto file = lock(path, O_CREAT);
    if (!file) {
        return file;
    }
    const auto found = file->read_all();
    if (!found || *found) {
        return fail(Exit::usage, path,
                    "is there already; go on with it by `cutover resume`, or name another file");
    }
    file->journal_.opening = opening;
    file->marker_ = {"", opening.run, 1, 0, ""};
    Result<> done = file->cut_to(0);
    if (done) {
        done = file->settle_here();
    }
    if (done) {
        done = file->write_line(file->writer_.line(opening));
    }
    if (done) {
        done = file->write_head(true);
    }
    if (done) {
        done = sync_folder_of(path);
    }
    if (!done) {
        return tl::unexpected(done.error());
    }
    return file;
}

// This file is the run's journal from here on.
Result<> JournalFile::settle_here() {
    if (auto written = write_home(path_, fd_.get()); !written) {
        return written;
    }
    auto head = HeadFile::open(path_);
    if (!head) {
        return tl::unexpected(head.error());
    }
    head_ = std::move(*head);
    return {};
}

Result<> JournalFile::write_head(bool sync) {
    auto written = head_.write(marker_, sync);
    broken_ = broken_ || !written;
    return written;
}

Result<> JournalFile::look_around(bool accept_loss) {
    const JournalPlace place = look_beside(path_, fd_.get(), journal_, read_head(path_));
    if (!place.copy_of.empty()) {
        return fail(Exit::world, path_,
                    fmt::format("is a copy of {}, {}", place.copy_of,
                                place.held_there ? "with which a cutover is running"
                                                 : "which is still there: go on with that one, or "
                                                   "take it away first"));
    }
    const std::string missing = fmt::format("{}", fmt::join(place.lacking, "; "));
    if (!missing.empty() && !accept_loss) {
        return fail(Exit::world, path_, missing + std::string(loss_advice()));
    }
    remarks_ = missing.empty() ? "" : "accepted that lines are missing: " + missing;
    for (const std::string& remark : place.remarks) {
        remarks_ += (remarks_.empty() ? "" : "; ") + remark;
    }
    return {};
}

Result<JournalFile> JournalFile::open(const std::string& path, bool accept_loss) {
    auto file = lock(path, 0);
    if (!file) {
        return file;
    }
    auto found = file->read_all();
    if (!found) {
        return tl::unexpected(found.error());
    }
    if (!*found) {
        return tl::unexpected(no_run(path));
    }
    file->journal_ = std::move(**found);
    file->journal_.opening.run_dir = folder_of(path);
    file->writer_ = JournalWriter(file->journal_.last_sum);
    file->marker_ = marker_of(file->journal_);
    Result<> done = file->look_around(accept_loss);
    if (done) {
        done = file->cut_to(file->journal_.whole_bytes);
    }
    if (done) {
        done = file->settle_here();
    }
    if (!done) {
        return tl::unexpected(done.error());
    }
    return file;
}

Result<> JournalFile::append(const Record& record) {
    if (broken_) {
        return fail(Exit::world, path_, "an earlier line could not be written");
    }
    is_used_ = true;
    if (auto written = write_line(writer_.line(record)); !written) {
        return written;
    }
    marker_.epoch = std::max(marker_.epoch, record.epoch);
    const bool rests = record.what == Happened::resumed || record.what == Happened::stopped ||
                       record.what == Happened::finished;
    return write_head(rests);
}

void JournalFile::discard_unused() {
    if (!is_used_ && journal_.records.empty()) {
        unlink(path_.c_str());
    }
}

Result<> JournalFile::write_line(const std::string& line) {
    size_t written = 0;
    while (written < line.size()) {
        const ssize_t count = write(fd_.get(), line.data() + written, line.size() - written);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count <= 0) {
            broken_ = true;
            return tl::unexpected(system_error("write"));
        }
        written += static_cast<size_t>(count);
    }
    if (fdatasync(fd_.get()) != 0) {
        broken_ = true;
        return tl::unexpected(system_error("fdatasync"));
    }
    ++marker_.lines;
    marker_.sum = writer_.last_sum();
    return {};
}

namespace {

// The head first: a journal that goes on has at least what the head knew before.
Result<JournalSeen> look_once(const std::string& path) {
    const auto head = read_head(path);
    const auto text = read_file(path, longest_journal);
    if (!text) {
        return tl::unexpected(text.error());
    }
    auto journal = read_journal(path, *text);
    if (!journal) {
        return tl::unexpected(journal.error());
    }
    if (!*journal) {
        return tl::unexpected(no_run(path));
    }
    const Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    (*journal)->opening.run_dir = folder_of(path);
    JournalPlace place = look_beside(path, fd.get(), **journal, head);
    return JournalSeen{std::move(**journal), is_held(fd.get()), std::move(place)};
}

}  // namespace

// Once more where the head may have been read in mid-write.
Result<JournalSeen> look_at_journal(const std::string& path) {
    auto seen = look_once(path);
    return seen && seen->running && !seen->place.lacking.empty() ? look_once(path) : seen;
}

}  // namespace rehome::cutover
