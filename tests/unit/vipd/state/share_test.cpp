// Which clients a share takes.
#include <doctest/doctest.h>

#include "tests/unit/vipd/lab.h"

namespace rehome::vipd::testing {

TEST_CASE("a larger share contains the smaller, by address and by address and port") {
    for (const ShareBy by : {ShareBy::address, ShareBy::address_port}) {
        std::vector<uint32_t> relayed(10'001);
        Random random(6);
        for (int i = 0; i < 2000; ++i) {
            const Endpoint client{Address::v4(random.any32()),
                                  static_cast<uint16_t>(random.any32())};
            bool before = false;
            for (const uint32_t hundredths : {0U, 1U, 100U, 1'000U, 5'000U, 9'999U, 10'000U}) {
                const bool now = Share{hundredths, by}.relays(client);
                CHECK((now || !before));
                relayed[hundredths] += now;
                before = now;
            }
        }
        CHECK(relayed[0] == 0);
        CHECK(relayed[10'000] == 2000);
        CHECK(relayed[1'000] > 160);  // of 200, three standard deviations
        CHECK(relayed[1'000] < 240);
        CHECK(relayed[5'000] > 933);
        CHECK(relayed[5'000] < 1067);
    }
}

TEST_CASE("a share by address takes all ports of a client, by port it takes some") {
    uint32_t mixed_by_address = 0, mixed_by_port = 0;
    for (uint32_t n = 0; n < 100; ++n) {
        const auto mixed = [&](ShareBy by) {
            uint32_t relayed = 0;
            for (uint16_t port = 1; port <= 32; ++port) {
                relayed += Share{5'000, by}.relays({Address::v4(0x64500000 + n), port});
            }
            return relayed != 0 && relayed != 32;
        };
        mixed_by_address += mixed(ShareBy::address);
        mixed_by_port += mixed(ShareBy::address_port);
    }
    CHECK(mixed_by_address == 0);
    CHECK(mixed_by_port == 100);
}

TEST_CASE("the share is independent of the choice of the server") {
    const auto tables = Tables::build(lab_config("old", {"old", "new"}));
    const auto& service = *tables->service(6, end("198.51.100.10:1883"));
    for (const ShareBy by : {ShareBy::address, ShareBy::address_port}) {
        double relayed = 0, first = 0;
        for (uint32_t n = 0; n < 20'000; ++n) {
            const Endpoint client{Address::v4(0x64500000 + n / 4),
                                  static_cast<uint16_t>(40000 + n)};
            if (Share{1'000, by}.relays(client)) {
                ++relayed;
                first += choose_server(service, client).server.name == "s1";
            }
        }
        CHECK(first / relayed > 0.45);
        CHECK(first / relayed < 0.55);
    }
}

}  // namespace rehome::vipd::testing
