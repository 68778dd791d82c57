#include "vipd/adapter/orders_file.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "common/clock.h"
#include "common/json/file.h"
#include "vipd/state/orders_text.h"

namespace rehome::vipd {

namespace {

// Placement and access, each of them a request of 8 MiB at most, which a line for each item makes
// up to three times as long.
constexpr size_t longest_file = 64U << 20;
constexpr int64_t retry_us = 1'000'000;

// Often enough that a crash makes no absence look long.
int64_t refresh_us(const Config& config) {
    const uint32_t absence_s = config.orders.absence_s;
    return int64_t{absence_s == 0 ? 60 : std::clamp(absence_s / 5, 1U, 60U)} * 1'000'000;
}

bool same_but_time(const Stored& a, const Stored& b) {
    Stored at_its_time = a;
    at_its_time.alive_at_us = b.alive_at_us;
    return at_its_time == b;
}

}  // namespace

OrdersFile::OrdersFile(const Config& config, int64_t now_us) : path_(config.orders.path) {
    struct stat found {};
    if (lstat(path_.c_str(), &found) != 0 && errno == ENOENT) {
        return;  // the first run
    }
    const auto text = read_file(path_, longest_file);
    const auto stored =
        text ? parse_orders(path_, *text) : tl::unexpected(std::vector<Error>{text.error()});
    if (stored) {
        resumed_ = resume(config, *stored, now_us);
    } else {
        resumed_ = resume_unreadable(config, int64_t{found.st_mtime} * 1'000'000, now_us);
        resumed_.aside += ": " + stored.error().front().text();
    }
    in_the_way_ = !resumed_.aside.empty();
}

// The time in the name keeps those of several starts apart.
Result<> OrdersFile::keep_aside(int64_t now_us) {
    const std::string other = path_ + "." + iso8601(now_us) + ".aside";
    if (std::rename(path_.c_str(), other.c_str()) != 0) {
        return fail(Exit::world, path_,
                    std::string("cannot be kept aside: ") + std::strerror(errno));
    }
    in_the_way_ = false;
    kept_aside_ = other;
    return {};
}

Result<> OrdersFile::store(const Stored& stored, int64_t now_us) {
    if (in_the_way_) {
        if (auto kept = keep_aside(now_us); !kept) {
            return kept;
        }
    }
    std::error_code ignored;  // the file says what is wrong
    std::filesystem::create_directories(std::filesystem::path(path_).parent_path(), ignored);
    return write_file_atomically(path_, orders_text(stored));
}

bool OrdersFile::keep(const State& state, int64_t now_us, bool at_once) {
    const Config& config = state.config();
    const Stored now{config.gateway, config.move, now_us, state.confirmed(), state.orders()};
    const bool same = stored_ && same_but_time(*stored_, now);
    const bool tried = tried_ && same_but_time(*tried_, now);
    const int64_t wait = same ? refresh_us(config) : retry_us;
    if (!at_once && tried && std::abs(now_us - tried_->alive_at_us) < wait) {
        return false;
    }
    const std::string before = trouble_;
    const auto done = store(now, now_us);
    tried_ = now;
    if (done) {
        stored_ = now;
    }
    trouble_ = done ? "" : done.error().text();
    return before.empty() != trouble_.empty();
}

}  // namespace rehome::vipd
