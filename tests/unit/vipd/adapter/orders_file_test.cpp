// Orders on the disk: what a start finds there, and what is said when there is no room.
#include "vipd/adapter/orders_file.h"

#include <doctest/doctest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "common/json/file.h"
#include "tests/unit/vipd/lab.h"
#include "vipd/state/orders_text.h"

namespace rehome::vipd::testing {

namespace {

namespace fs = std::filesystem;
constexpr int64_t now = 1'800'000'000'000'000;
constexpr int64_t second = 1'000'000;

struct Folder {
    Folder() {
        std::string name = "/tmp/rehome-orders-XXXXXX";
        path = mkdtemp(name.data());
        config = lab_config("old", {"old", "new"});
        config.move.id = 7;
        config.orders.path = path + "/deep/orders.json";
    }
    ~Folder() { fs::remove_all(path); }

    size_t files() const {
        const fs::path deep = path + "/deep";
        return fs::exists(deep) ? static_cast<size_t>(std::distance(fs::directory_iterator(deep),
                                                                    fs::directory_iterator()))
                                : 0;
    }
    void write(const std::string& text) const {
        fs::create_directories(path + "/deep");
        std::ofstream(config.orders.path) << text;
    }

    std::string path;
    Config config;
};

}  // namespace

TEST_CASE("orders are stored when they change, and taken over by the next start") {
    const Folder folder;
    OrdersFile file(folder.config, now);
    CHECK_FALSE(file.resumed().away_s);
    CHECK(folder.files() == 0);
    State state(folder.config, file.resumed().begin, 5'000'000);
    file.keep(state, now);
    CHECK(folder.files() == 1);
    state.order(ShareOrder{{1'234}, {now, 1000}});
    state.enable({Level::line, state.config().lines[0].carrier}, {now, 0});
    file.keep(state, now + 1);
    CHECK(file.trouble().empty());
    CHECK(folder.files() == 1);

    const OrdersFile next(folder.config, now + 5 * second);
    CHECK(next.resumed().begin.orders == state.orders());
    CHECK(next.resumed().begin.confirmed);
    CHECK(next.resumed().away_s == 4);
    CHECK_FALSE(OrdersFile(folder.config, now + 1000 * second).resumed().begin.confirmed);
}

TEST_CASE("that vipd is alive is stored once a minute, or a fifth of the absence") {
    Folder folder;
    for (const auto& [absence_s, every_s] : {std::pair{900U, 60}, {0U, 60}, {50U, 10}, {1U, 1}}) {
        folder.config.orders.absence_s = absence_s;
        OrdersFile file(folder.config, now);
        const State state(folder.config, {}, 5'000'000);
        file.keep(state, now);
        const auto stored_at = [&] {
            return parse_orders("f", *read_file(folder.config.orders.path))->alive_at_us;
        };
        file.keep(state, now + every_s * second - 1);
        CHECK(stored_at() == now);
        file.keep(state, now + every_s * second);
        CHECK(stored_at() == now + every_s * second);
        file.keep(state, now + every_s * second + 1, true);
        CHECK(stored_at() == now + every_s * second + 1);
    }
}

TEST_CASE("a file whose orders do not hold is kept aside before it is replaced") {
    Folder folder;
    const std::string bad = "no JSON";
    Stored other;
    other.gateway = "old";
    other.move.id = 8;
    other.alive_at_us = now;
    for (const std::string& text : {bad, orders_text(other)}) {
        folder.write(text);
        const size_t before = folder.files();
        OrdersFile file(folder.config, now);
        CHECK_FALSE(file.resumed().aside.empty());
        CHECK(*read_file(folder.config.orders.path) == text);  // it only looked
        const State state(folder.config, file.resumed().begin, 5'000'000);
        file.keep(state, now + static_cast<int64_t>(before));
        CHECK(*read_file(file.kept_aside()) == text);
        CHECK(folder.files() == before + 1);
        CHECK(OrdersFile(folder.config, now).resumed().aside.empty());
    }
}

TEST_CASE("what cannot be stored is said, and tried again") {
    const Folder folder;
    OrdersFile file(folder.config, now);
    State state(folder.config, {}, 5'000'000);
    std::ofstream(folder.path + "/deep") << "a file where the folder should be";
    CHECK(file.keep(state, now));
    CHECK_FALSE(file.trouble().empty());
    fs::remove(folder.path + "/deep");
    CHECK_FALSE(file.keep(state, now + second / 2));  // not yet
    CHECK_FALSE(file.trouble().empty());
    CHECK(file.keep(state, now + second));
    CHECK(file.trouble().empty());
    CHECK(OrdersFile(folder.config, now).resumed().aside.empty());
}

}  // namespace rehome::vipd::testing
