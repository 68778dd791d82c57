// Who gets a service's new clients, by what the other site says that it can serve.
#include <doctest/doctest.h>

#include "tests/unit/vipd/lab.h"

namespace rehome::vipd::testing {

namespace {

constexpr Share all{10'000, ShareBy::address};

void mask(Lab& lab, const char* gateway, size_t service, bool masked) {
    for (auto& server : lab[gateway].config.services[service].servers) {
        server.masked = masked;
    }
    lab.reload(lab[gateway]);
    lab.pass(300 * ms);
}

std::string meters(Lab& lab, const char* client) {
    return lab.enter(0, red, to_meters(end(client))).text();
}

}  // namespace

TEST_CASE("a site without a live server of a service is not given its new clients") {
    Lab lab;
    lab.share(lab["old"], all);
    lab.pass(300 * ms);
    CHECK(meters(lab, "192.0.2.1:1") == "old>new servers");
    mask(lab, "new", 0, true);
    CHECK(meters(lab, "192.0.2.2:1") == "old servers");
    // Another service in a prefix that it serves is not concerned.
    const Say other{end("192.0.2.3:1"), end("198.51.100.10:862"), 17};
    CHECK(lab.enter(0, red, other).text() == "old>new servers");
    mask(lab, "new", 0, false);
    CHECK(meters(lab, "192.0.2.4:1") == "old>new servers");
}

TEST_CASE("a service that one site alone has is served there, whatever the share") {
    Lab lab;
    mask(lab, "old", 0, true);
    CHECK(meters(lab, "192.0.2.1:1") == "old>new servers");
    mask(lab, "new", 0, true);
    CHECK(meters(lab, "192.0.2.2:1") == "old drop no_server");
    lab["new"].config.services.erase(lab["new"].config.services.begin());
    lab.reload(lab["new"]);
    mask(lab, "old", 0, false);
    lab.share(lab["old"], all);
    CHECK(meters(lab, "192.0.2.3:1") == "old servers");
}

TEST_CASE("a peer that tells of prefixes alone is believed to serve all in them") {
    Lab lab;
    lab.share(lab["old"], all);
    mask(lab, "new", 0, true);
    Keepalive said = lab["new"].path->snapshot().keepalive_for(0);
    CHECK(said.services->held == lab["old"].path->snapshot().served->ready()->digest());
    said.sequence = 1'000'000;
    said.services.reset();
    lab["old"].state->hear(0, said, lab.now);
    lab["old"].act->follow(lab.now);
    CHECK(meters(lab, "192.0.2.1:1") == "old>new drop no_server");
}

}  // namespace rehome::vipd::testing
