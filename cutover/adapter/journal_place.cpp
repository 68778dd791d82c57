#include "cutover/adapter/journal_place.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "common/json/file.h"

namespace rehome::cutover {

namespace {

constexpr std::string_view home_schema =
#include "common/formats/journal-home.schema.inc"
    ;

constexpr size_t longest_file = 64 << 10;

struct Home {
    std::string host;
    std::string path;
    uint64_t device = 0;
    uint64_t inode = 0;
};

std::string host_name() {
    utsname names{};
    return uname(&names) == 0 ? static_cast<const char*>(names.nodename) : "";
}

Home home_of(const std::string& path, int fd) {
    struct stat status {};
    fstat(fd, &status);
    return {host_name(), path, status.st_dev, status.st_ino};
}

bool same_file(const Home& one, const Home& other) {
    return one.host == other.host && one.device == other.device && one.inode == other.inode;
}

std::optional<Home> read_home(const std::string& path) {
    const auto object = read_json(folder_of(path) + "/home", home_schema, longest_file);
    if (!object) {
        return std::nullopt;
    }
    return Home{object->at("host"), object->at("path"), object->at("device"), object->at("inode")};
}

void look_for_home(const std::string& path, int fd, JournalPlace& place) {
    const auto home = read_home(path);
    const Home here = home_of(path, fd);
    if (!home || same_file(*home, here)) {
        return;
    }
    const Fd there(
        home->host == here.host ? open(home->path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1);
    if (there && same_file(*home, home_of(home->path, there.get()))) {
        place.copy_of = home->path;
        place.held_there = is_held(there.get());
        return;
    }
    place.remarks.push_back(
        home->host == here.host
            ? "moved from " + home->path
            : fmt::format("moved from {}:{}, where nobody has looked whether it goes on",
                          home->host, home->path));
}

}  // namespace

std::string folder_of(const std::string& journal) {
    return journal + ".d";
}

bool is_held(int fd) {
    struct flock held {};
    held.l_type = F_RDLCK;  // would be refused while a runner writes
    held.l_whence = SEEK_SET;
    return fcntl(fd, F_OFD_GETLK, &held) == 0 && held.l_type != F_UNLCK;
}

Result<Marker> read_head(const std::string& journal) {
    const std::string file = folder_of(journal) + "/head";
    const auto text = read_file(file, longest_file);
    return text ? parse_head(file, *text) : tl::unexpected(text.error());
}

JournalPlace look_beside(const std::string& path, int fd, const Journal& journal,
                         const Result<Marker>& head) {
    JournalPlace place;
    look_for_home(path, fd, place);
    if (head) {
        place.lacking = lacking(journal, {*head});
    } else {
        place.remarks.push_back(
            "no head marker can be read beside it, so that lines missing at its end cannot be "
            "told: " +
            head.error().text());
    }
    return place;
}

std::vector<std::string> concerns(const JournalPlace& place) {
    std::vector<std::string> all = place.lacking;
    if (!place.copy_of.empty()) {
        all.push_back(
            "a copy of " + place.copy_of +
            (place.held_there ? ", with which a cutover is running" : ", which is still there"));
    }
    all.insert(all.end(), place.remarks.begin(), place.remarks.end());
    return all;
}

Result<> write_home(const std::string& path, int fd) {
    std::error_code error;
    std::filesystem::create_directories(folder_of(path), error);
    if (error) {
        return fail(Exit::world, folder_of(path), "cannot be created: " + error.message());
    }
    const Home home = home_of(path, fd);
    // A full disk need not take another file, only to say the same once more.
    if (const auto before = read_home(path);
        before && same_file(*before, home) && before->path == path) {
        return {};
    }
    const nlohmann::ordered_json object{{"schema", "rehome/journal-home/1"},
                                        {"host", home.host},
                                        {"path", home.path},
                                        {"device", home.device},
                                        {"inode", home.inode}};
    return write_file_atomically(folder_of(path) + "/home", object.dump() + "\n");
}

Result<HeadFile> HeadFile::open(const std::string& journal) {
    const std::string path = folder_of(journal) + "/head";
    Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0640));
    if (!fd) {
        return fail(Exit::world, path, fmt::format("open: {}", strerror(errno)));
    }
    return HeadFile(std::move(fd), path);
}

Result<> HeadFile::write(const Marker& marker, bool sync) {
    const std::string text = head_text(marker);
    if (pwrite(fd_.get(), text.data(), text.size(), 0) != static_cast<ssize_t>(text.size()) ||
        (sync && fdatasync(fd_.get()) != 0)) {
        return fail(Exit::world, path_, fmt::format("cannot be written: {}", strerror(errno)));
    }
    return {};
}

}  // namespace rehome::cutover
