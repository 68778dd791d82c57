#include "vipd/adapter/reset_log.h"

#include <fmt/core.h>

#include <cerrno>
#include <cstring>

#include "common/clock.h"

namespace rehome::vipd {

Result<> ResetLog::open(const std::string& path) {
    if (path.empty()) {
        return {};
    }
    file_.reset(std::fopen(path.c_str(), "ae"));
    if (!file_) {
        return fail(Exit::world, path, fmt::format("cannot open: {}", std::strerror(errno)));
    }
    return {};
}

void ResetLog::add(const std::vector<ResetRecord>& records) {
    if (!file_ || records.empty()) {
        return;
    }
    const std::string at = iso8601(now_us());
    for (const auto& record : records) {
        const bool peers = !record.peer.empty();
        const auto line =
            fmt::format(R"({{"at":"{}","protocol":"{}","client":"{}","vip":"{}","{}":"{}"}})"
                        "\n",
                        at, name(static_cast<Protocol>(record.protocol)), record.client.text(),
                        record.vip.text(), peers ? "peer" : "server",
                        peers ? record.peer : record.server.text());
        lost_ += std::fputs(line.c_str(), file_.get()) < 0 ? 1 : 0;
    }
    if (std::fflush(file_.get()) != 0) {
        lost_ += records.size();
    }
}

}  // namespace rehome::vipd
