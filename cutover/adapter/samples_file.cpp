#include "cutover/adapter/samples_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "common/fd.h"

namespace rehome::cutover {

std::vector<KeptSample> newest_samples(const std::string& journal) {
    constexpr off_t most_bytes = 1 << 20;
    const Fd file(open((journal + ".d/samples.jsonl").c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    const off_t size = file ? lseek(file.get(), 0, SEEK_END) : 0;
    std::string text(static_cast<size_t>(std::clamp<off_t>(size, 0, most_bytes)), '\0');
    const ssize_t got =
        pread(file.get(), text.data(), text.size(), size - static_cast<off_t>(text.size()));
    text.resize(static_cast<size_t>(std::max<ssize_t>(got, 0)));
    return read_samples(text);
}

}  // namespace rehome::cutover
