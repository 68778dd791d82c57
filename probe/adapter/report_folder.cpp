// See report_folder.h.
#include "probe/adapter/report_folder.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "common/fd.h"
#include "common/sha256.h"
#include "probe/adapter/system_error.h"

namespace rehome::probe {

namespace {

namespace fs = std::filesystem;

constexpr size_t flush_at = 1u << 20;

bool write_all(int fd, std::string_view content) {
    while (!content.empty()) {
        const ssize_t written = ::write(fd, content.data(), content.size());
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            return false;
        }
        content.remove_prefix(static_cast<size_t>(written));
    }
    return true;
}

// A file that is written, summed up, and on its way to the disk while more is made.
class Output {
public:
    explicit Output(const std::string& path)
        : fd_(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666)) {}

    bool add(std::string_view content) {
        sum_.add(content);
        if (!fd_ || !write_all(fd_.get(), content)) {
            return false;
        }
        sync_file_range(fd_.get(), static_cast<off64_t>(size_),
                        static_cast<off64_t>(content.size()), SYNC_FILE_RANGE_WRITE);
        size_ += content.size();
        return true;
    }

    bool finish() const { return fd_ && fsync(fd_.get()) == 0; }
    RawFile file(const std::string& name) {
        return {.name = name, .bytes = size_, .sha256 = to_hex(sum_.finish())};
    }

private:
    Fd fd_;
    Sha256 sum_;
    uint64_t size_ = 0;
};

bool sync_folder(const std::string& path) {
    const Fd folder(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    return folder && fsync(folder.get()) == 0;
}

std::string folder_around(const std::string& path) {
    const auto parent = fs::path(path).parent_path();
    return parent.empty() ? "." : parent.string();
}

// "DIR/" is DIR.
std::string without_slash(std::string path) {
    while (path.size() > 1 && path.back() == '/') {
        path.pop_back();
    }
    return path;
}

Result<> check_place(const std::string& path, bool replace) {
    std::error_code ignored;
    if (!fs::exists(fs::symlink_status(path, ignored))) {
        return {};
    }
    if (!replace) {
        return fail(Exit::usage, path, "is there already, expected a new name, or --replace");
    }
    if (!fs::is_regular_file(fs::path(path) / "report.json", ignored)) {
        return fail(Exit::usage, path, "is no report, so that it is not replaced");
    }
    return {};
}

}  // namespace

Result<ReportFolder> ReportFolder::prepare(const std::string& given, bool replace) {
    const std::string path = without_slash(given);
    if (const auto free = check_place(path, replace); !free) {
        return tl::unexpected(free.error());
    }
    std::string temporary = path + ".XXXXXX";
    if (mkdtemp(temporary.data()) == nullptr) {
        return fail_system(path, "its folder cannot be made");
    }
    ReportFolder folder(path, temporary, replace);
    if (chmod(temporary.c_str(), 0755) != 0 || mkdir((temporary + "/raw").c_str(), 0755) != 0) {
        return fail_system(temporary, "cannot be filled");
    }
    return folder;
}

ReportFolder::ReportFolder(ReportFolder&& other) noexcept
    : path_(std::move(other.path_)),
      temporary_(std::exchange(other.temporary_, "")),
      replace_(other.replace_) {}

ReportFolder::~ReportFolder() {
    std::error_code ignored;
    if (!temporary_.empty()) {
        fs::remove_all(temporary_, ignored);
    }
}

Result<RawFile> ReportFolder::write(const std::string& name, const Piece& piece) const {
    Output output(temporary_ + "/" + name);
    std::string content;
    for (bool more = true; more;) {
        more = piece(content);
        if (more && content.size() < flush_at) {
            continue;
        }
        if (!output.add(content)) {
            return fail_system(temporary_ + "/" + name, "cannot be written");
        }
        content.clear();
    }
    if (!output.finish()) {
        return fail_system(temporary_ + "/" + name, "cannot be brought to the disk");
    }
    return output.file(name);
}

Result<RawFile> ReportFolder::write(const std::string& name, std::string_view content) const {
    return write(name, [content](std::string& out) {
        out += content;
        return false;
    });
}

Result<> ReportFolder::finish() {
    if (!sync_folder(temporary_ + "/raw") || !sync_folder(temporary_)) {
        return fail_system(temporary_, "cannot be brought to the disk");
    }
    const bool there = replace_ && access(path_.c_str(), F_OK) == 0;
    const unsigned how = there ? RENAME_EXCHANGE : RENAME_NOREPLACE;
    if (renameat2(AT_FDCWD, temporary_.c_str(), AT_FDCWD, path_.c_str(), how) != 0) {
        return fail_system(path_, "cannot be given its name");
    }
    if (!there) {
        temporary_.clear();  // else it is the earlier report, which goes now
    }
    if (!sync_folder(folder_around(path_))) {
        return fail_system(path_, "its name cannot be brought to the disk");
    }
    return {};
}

}  // namespace rehome::probe
