// What is disabled: the words, whom nobody would serve, and when flows will have ended.
#include "vipd/state/disabling.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "tests/unit/vipd/lab.h"
#include "vipd/state/left_without.h"

namespace rehome::vipd::testing {

TEST_CASE("a server is meant by its name, or in one service") {
    const DisableTarget all{Level::server, "s1"}, one{Level::server, "web/s1"};
    CHECK(all.means("web", "s1"));
    CHECK(all.means("mail", "s1"));
    CHECK_FALSE(all.means("web", "s2"));
    CHECK(one.means("web", "s1"));
    CHECK_FALSE(one.means("mail", "s1"));
    CHECK_FALSE(one.means("web", "s10"));
    CHECK_FALSE(DisableTarget{Level::service, "s1"}.means("web", "s1"));
    for (const Level level : {Level::server, Level::service, Level::line, Level::site}) {
        CHECK((level_of(name(level)) == level));
    }
    for (const auto mode : {DisableMode::mask, DisableMode::weak, DisableMode::strong}) {
        CHECK((disable_mode_of(name(mode)) == mode));
    }
    CHECK_FALSE(level_of("rack"));
    CHECK_FALSE(disable_mode_of("off"));
}

TEST_CASE("an order is done when the worker with most flows is") {
    DisableOrder order;
    order.mode = DisableMode::weak;
    order.rate_per_s = 100;
    order.quiet_s = 3;
    CHECK(estimated_end_s(order, 1'000, 500, 2) == 13);  // both alike
    CHECK(estimated_end_s(order, 1'000, 1'000, 2) == 23);
    CHECK(estimated_end_s(order, 0, 0, 2) == 3);
    order.course = DisableOrder::Course::done;
    CHECK(estimated_end_s(order, 0, 0, 2) == 0);
    order.mode = DisableMode::mask;
    CHECK(estimated_end_s(order, 1'000, 500, 2) == 0);
}

TEST_CASE("whom one thing more that is disabled leaves without anybody") {
    Lab lab;
    LabGateway& old = lab.gateways[0];
    const auto without = [&](Level level, const std::string& name) {
        return left_without(*old.state->snapshot(), {level, name}).size();
    };
    const size_t all = old.config.services.size();
    const std::string meters =
        old.path->tables().service(6, end("198.51.100.10:1883"))->config->name;
    CHECK(without(Level::site, "old") == 0);  // the other one serves them, too
    CHECK(without(Level::service, meters) == 0);
    lab.link_up = false;
    lab.pass(500 * ms);
    CHECK(without(Level::site, "old") == all);
    CHECK(without(Level::site, "new") == 0);  // it serves nobody now
    CHECK(without(Level::service, meters) == 1);
    CHECK(without(Level::line, "red") == 0);
    old.state->disable({Level::service, meters}, {});
    old.act->follow(lab.now);
    CHECK(without(Level::service, meters) == 0);  // nothing more than is
    CHECK(without(Level::site, "old") == all - 1);
}

TEST_CASE("gateways compare what is ordered about sites, not by whom or how far it is") {
    Lab lab;
    const Tables& tables = lab.gateways[0].path->tables();
    const auto digest = [&](const Disablings& orders) { return sites_digest(orders, tables); };
    const DisableTarget old{Level::site, "old"}, fresh{Level::site, "new"};
    DisableOrder weak;
    weak.mode = DisableMode::weak;
    weak.rate_per_s = 100;
    const uint64_t one = digest({{old, weak}});
    CHECK(digest({}) == 0);
    CHECK(digest({{{Level::site, "gone"}, weak}}) == 0);  // the inventory has no such site
    CHECK(digest({{{Level::service, "meters"}, weak}, {{Level::line, "red"}, {}}}) == 0);
    CHECK(digest({{old, weak}, {{Level::server, "s1"}, weak}}) == one);
    DisableOrder same = weak;
    same.said = {12, 1000};
    same.course = DisableOrder::Course::done;
    same.id = 77;
    same.anyway = true;
    CHECK(digest({{old, same}}) == one);

    std::vector<uint64_t> all{0, one, digest({{fresh, weak}}), digest({{old, weak}, {fresh, weak}}),
                              digest({{old, {}}})};
    for (const auto change : std::initializer_list<void (*)(DisableOrder&)>{
             [](DisableOrder& order) { order.mode = DisableMode::strong; },
             [](DisableOrder& order) { order.rate_per_s = 100.5; },
             [](DisableOrder& order) { order.quiet_s = 1; },
             [](DisableOrder& order) { order.icmp = true; }}) {
        DisableOrder other = weak;
        change(other);
        all.push_back(digest({{old, other}}));
    }
    std::sort(all.begin(), all.end());
    CHECK(std::adjacent_find(all.begin(), all.end()) == all.end());
}

TEST_CASE("a peer is told what is ordered about sites, and at once") {
    Lab lab;
    LabGateway& old = lab.gateways[0];
    LabGateway& other = lab.gateways[1];
    lab.pass(200 * ms);
    const auto heard = [&] { return other.state->snapshot()->peers[0].sites; };
    CHECK(heard() == 0);
    const auto before = old.state->snapshot();
    old.state->disable({Level::site, "new"}, {});
    old.act->follow(lab.now);
    CHECK_FALSE(old.state->snapshot()->tells_the_same(*before));
    lab.pass(200 * ms);
    CHECK(heard() == old.state->snapshot()->disabled->sites_digest());
    CHECK(heard() != 0);
    old.state->enable({Level::site, "new"}, {});
    old.act->follow(lab.now);
    lab.pass(200 * ms);
    CHECK(heard() == 0);
}

}  // namespace rehome::vipd::testing
