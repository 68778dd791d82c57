// What vipd's tables cost to make, and what a change of the configuration moves.
//
// Times are CPU time, the best and the median of the rounds, in milliseconds.  A moved share is the
// part of all slots that go to another server; the ideal is the part that any scheme must move (the
// gain of those whose share grows).
#include <fmt/format.h>
#include <malloc.h>
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "common/inventory.h"
#include "common/vipd_config/config.h"
#include "vipd/packet/hash.h"
#include "vipd/state/maglev.h"
#include "vipd/state/tables.h"

using namespace rehome;
using namespace rehome::vipd;
using nlohmann::json;

namespace {

using Servers = std::vector<MaglevServer>;

// Other programs' share of the machine is not counted.
double cpu_ms() {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

void time_of(const std::string& what, int rounds, const std::function<void()>& run) {
    std::vector<double> times;
    for (int i = 0; i < rounds; ++i) {
        const double start = cpu_ms();
        run();
        times.push_back(cpu_ms() - start);
    }
    std::sort(times.begin(), times.end());
    fmt::print("  {:<62} {:>9.2f} {:>9.2f}\n", what, times[0], times[times.size() / 2]);
}

Servers servers(size_t count) {
    Servers all;
    for (size_t i = 0; i < count; ++i) {
        all.push_back({fmt::format("server-{}", i), 1, true});
    }
    return all;
}

std::vector<std::string> names(const Servers& of, uint32_t size) {
    std::vector<std::string> slots;
    for (const uint16_t index : make_maglev(of, size)) {
        slots.push_back(of[index].name);
    }
    return slots;
}

void moved(const std::string& what, const Servers& from, const Servers& to, double ideal) {
    const uint32_t size = maglev_size(from);
    const auto before = names(from, size);
    const auto after = names(to, size);
    size_t count = 0;
    for (size_t slot = 0; slot < size; ++slot) {
        count += before[slot] != after[slot];
    }
    const double share = static_cast<double>(count) / size;
    fmt::print("  {:<62} {:>8.3f}% {:>8.3f}% {:>6.1f}\n", what, 100 * share, 100 * ideal,
               share / ideal);
}

void maglev_times() {
    fmt::print("Maglev, 1,000 servers in 65,537 slots{:>44} {:>9}\n", "best ms", "median");
    const auto all = servers(1000);
    auto weighted = all;
    auto half = all;
    auto few = all;
    auto skewed = all;
    for (size_t i = 0; i < all.size(); ++i) {
        weighted[i].weight = static_cast<uint32_t>(1 + mix(i) % 100);
        half[i].live = mix(i) % 2 == 0;
        few[i].live = i % 100 == 0;
        skewed[i].weight = i < 100 ? 1000 : 1;
        skewed[i].live = i >= 100;
    }
    const auto build = [](const Servers& of) { return [&of] { make_maglev(of, 65537); }; };
    time_of("equal weights", 21, build(all));
    time_of("weights of 1 to 100", 21, build(weighted));
    time_of("500 of them down", 21, build(half));
    time_of("990 of them down", 21, build(few));
    time_of("the 100 of weight 1,000 down, the 900 of weight 1 left", 5, build(skewed));
}

void maglev_moves() {
    fmt::print("\nSlots that move when the configuration changes{:>35} {:>9} {:>6}\n", "moved",
               "ideal", "times");
    for (const size_t count : {10UL, 100UL, 1000UL}) {
        const auto all = servers(count);
        const auto share = 1.0 / static_cast<double>(count);
        auto fewer = all;
        fewer.erase(fewer.begin() + 3);
        auto more = all;
        more.push_back({"another", 1, true});
        auto heavier = all;
        heavier[3].weight = 2;
        auto down = all;
        down[3].live = false;
        const auto of = [&](const char* what) { return fmt::format("{} of {}", what, count); };
        moved(of("1 removed"), all, fewer, share);
        moved(of("1 added to those"), all, more, 1.0 / static_cast<double>(count + 1));
        moved(of("1 with twice the weight"), all, heavier,
              2.0 / static_cast<double>(count + 1) - share);
        moved(of("1 down or masked"), all, down, share);
    }
}

size_t heap_bytes() {
    const struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

constexpr size_t service_count = 10'000;
constexpr size_t servers_of_each = 10;

json big_document() {
    json document = {{"schema", "rehome/vipd/1"}, {"inventory", "inventory.json"},
                     {"gateway", "old-gw"},       {"control", "/run/vipd/vipd.sock"},
                     {"ports", json::array()},    {"lines", json::array()},
                     {"services", json::array()}};
    for (const char* port : {"red", "green", "blue", "servers", "link"}) {
        document["ports"].push_back({{"name", port}, {"device", fmt::format("af_xdp:{}0", port)}});
    }
    for (const char* carrier : {"red", "green", "blue"}) {
        document["lines"].push_back({{"carrier", carrier}, {"enabled", true}});
    }
    for (size_t i = 0; i < service_count; ++i) {
        json some = json::array();
        for (size_t k = 0; k < servers_of_each; ++k) {
            const auto n = static_cast<uint32_t>(i * servers_of_each + k);
            some.push_back({{"name", fmt::format("server-{}", k)},
                            {"address", Address::v4(0x0a010000 + n).text()},
                            {"port", 8080},
                            {"weight", 1}});
        }
        document["services"].push_back(
            {{"name", fmt::format("service-{}", i)},
             {"vip", Address::v4(0xc6336400 + static_cast<uint32_t>(i % 250)).text()},
             {"protocol", "tcp"},
             {"port", 1000 + i / 250},
             {"forward", "nat"},
             {"servers", std::move(some)}});
    }
    return document;
}

Config parsed(const std::string& text) {
    auto config = parse_config("vipd.json", text, [](const std::string&) {
        return read_inventory("tests/lab/inventory.json");
    });
    if (!config) {
        fmt::print(stderr, "{}\n", config.error()[0].text());
        std::exit(1);
    }
    return std::move(*config);
}

void reload_times() {
    const std::string text = big_document().dump();
    fmt::print("\n10,000 services with 100,000 servers, {} KiB of JSON{:>31} {:>9}\n",
               text.size() / 1024, "best ms", "median");
    time_of("configuration: read and check", 5, [&] { parsed(text); });
    const Config config = parsed(text);
    Config changed = config;
    changed.services[service_count / 2].servers.pop_back();
    std::shared_ptr<const Tables> before;
    const size_t empty = heap_bytes();
    time_of("tables, fresh", 5, [&] { before = Tables::build(config); });
    const size_t fresh = heap_bytes();
    std::shared_ptr<const Tables> after;
    time_of("tables, one service changed", 5,
            [&] { after = Tables::build(changed, before.get()); });
    const size_t both = heap_bytes();
    size_t slots = 0;
    for (const ServiceTable& service : before->services()) {
        slots += service.maglev->size() * sizeof(service.maglev->front());
    }
    fmt::print(
        "  memory: {:.1f} MB, of which {:.1f} MB are Maglev slots; {:.1f} MB more while a "
        "reload replaces them\n",
        static_cast<double>(fresh - empty) / 1e6, static_cast<double>(slots) / 1e6,
        static_cast<double>(both - fresh) / 1e6);

    uint32_t random = 1;
    uint32_t found = 0;
    const auto per_lookup = [&](const char* what, const auto& look) {
        constexpr uint32_t count = 2'000'000;
        const double start = cpu_ms();
        for (uint32_t i = 0; i < count; ++i) {
            random = random * 1664525 + 1013904223;
            found += look(random);
        }
        fmt::print("  lookup: {:<54} {:>9.1f} ns\n", what, (cpu_ms() - start) * 1e6 / count);
    };
    per_lookup("service_v4, random among 10,000", [&](uint32_t n) {
        const uint32_t i = (n >> 8) % service_count;
        const auto port = static_cast<uint16_t>(1000 + i / 250);
        return before->service(6, 0xc6336400 + i % 250, port) != nullptr;
    });
    per_lookup("is_moved_v4", [&](uint32_t n) { return before->is_moved(n); });
    per_lookup("choose_server, random client", [&](uint32_t n) {
        const ServiceTable& service = before->services()[(n >> 8) % service_count];
        return choose_server(service, {Address::v4(n), 40000}).index;
    });
    if (found == 0) {
        fmt::print("  nothing was found\n");
    }
}

}  // namespace

int main() {
    try {
        maglev_times();
        maglev_moves();
        reload_times();
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
    return 0;
}
