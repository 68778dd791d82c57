// See result_file.h.
//
// To the child: the content's length (8 bytes, the host's order), then the content.  A length that
// is not fulfilled means that the measuring process died: nothing is written then.  From it: what
// went wrong, "" if nothing did, with a full stop behind it, as an empty packet would be an end.
#include "probe/adapter/result_file.h"

#include <unistd.h>

#include <cstring>
#include <filesystem>

#include "common/json/file.h"
#include "probe/adapter/system_error.h"

namespace rehome::probe {

namespace {

constexpr WriterChild::Limit patience(30'000);  // for a disk that is slow

// What came up to the length, or till the parent's end.
std::string read_content(const Fd& channel) {
    constexpr size_t limit = 1u << 30;
    std::string message;
    std::string room;
    uint64_t length = limit;
    while (message.size() < std::min<uint64_t>(length, limit) + sizeof length) {
        const auto piece = next_piece(channel, room, std::nullopt);
        if (!piece || piece->empty()) {
            break;
        }
        message += *piece;
        if (message.size() >= sizeof length) {
            std::memcpy(&length, message.data(), sizeof length);
        }
    }
    return message.size() == sizeof length + length ? message.substr(sizeof length) : "";
}

// The child's whole life.  No content: the run failed before there was a result.
void serve(const Fd& channel, const std::string& path) {
    const std::string content = read_content(channel);
    if (!content.empty()) {
        const Result<> written = write_file_atomically(path, content);
        answer(channel, (written ? "" : written.error().what) + ".");
    }
}

}  // namespace

Result<ResultFile> ResultFile::prepare(const std::string& path) {
    const auto folder = std::filesystem::path(path).parent_path();
    if (access(folder.empty() ? "." : folder.c_str(), W_OK | X_OK) != 0) {
        return fail_system(path, "its folder cannot be written");
    }
    auto writer = WriterChild::start(path, [path](const Fd& channel) { serve(channel, path); });
    if (!writer) {
        return tl::unexpected(writer.error());
    }
    return ResultFile(path, std::move(*writer));
}

Result<> ResultFile::write(const std::string& content) {
    const uint64_t length = content.size();
    std::string message(sizeof length, '\0');
    std::memcpy(message.data(), &length, sizeof length);
    const bool passed = writer_.send_all(message + content, patience);
    const auto said = passed ? writer_.receive(patience) : std::nullopt;
    if (!said) {
        return fail(Exit::world, path_,
                    "the result was not written: its writer has ended, or the disk takes nothing");
    }
    if (*said != ".") {
        return fail(Exit::world, path_,
                    "the result was not written: " + said->substr(0, said->size() - 1));
    }
    return {};
}

}  // namespace rehome::probe
