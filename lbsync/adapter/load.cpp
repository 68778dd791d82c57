// memfd_create(2), execvp(3).
#include "lbsync/adapter/load.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include <fmt/format.h>

#include "common/fd.h"
#include "lbsync/adapter/armed_undo.h"
#include "lbsync/adapter/put.h"

namespace rehome::lbsync {

namespace {

Error failed(std::string_view what) {
    return {Exit::world, "nft -f -", fmt::format("{}: {}", what, strerror(errno))};
}

bool write_all(const Fd& fd, std::string_view text) {
    while (!text.empty()) {
        const ssize_t count = write(fd.get(), text.data(), text.size());
        if (count < 0) {
            return false;
        }
        text.remove_prefix(static_cast<size_t>(count));
    }
    return lseek(fd.get(), 0, SEEK_SET) == 0;
}

}  // namespace

Error load(const std::string& sha256, const std::string& armed) {
    const auto batch = read_whole_input(sha256);
    if (!batch) {
        return batch.error();
    }
    const Fd input(memfd_create("batch", MFD_CLOEXEC));
    if (!input || !write_all(input, *batch) || dup2(input.get(), STDIN_FILENO) < 0) {
        return failed("cannot be given its batch");
    }
    // Ours until nft ends, however that ends.
    const auto loading = armed.empty() ? Result<Fd>() : begin_loading(armed);
    if (!loading) {
        return loading.error();
    }
    if (*loading && fcntl(loading->get(), F_SETFD, 0) != 0) {
        return failed("cannot be given the lock");
    }
    std::string words[] = {"nft", "-f", "-"};
    char* const argv[] = {words[0].data(), words[1].data(), words[2].data(), nullptr};
    execvp(argv[0], argv);
    return failed("cannot be run");
}

}  // namespace rehome::lbsync
