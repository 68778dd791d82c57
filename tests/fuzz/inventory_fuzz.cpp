// Fuzzes the reading of an inventory (libFuzzer, ASan, UBSan), from the repository's root: the
// input is a text, or a list of edits of the lab's inventory, which reach what lies behind the
// schema.
//
// Whatever the text, it is taken or refused: refused with mistakes that are a clean line each, or
// taken with all that the programs rely on.
#include <algorithm>

#include <nlohmann/json.hpp>

#include "common/inventory.h"
#include "common/json/file.h"
#include "tests/fuzz/json_edits.h"
#include "tests/fuzz/must.h"

namespace rehome {

namespace {

using nlohmann::json;

const json& lab() {
    static const json document = json::parse(read_file("tests/lab/inventory.json").value());
    return document;
}

std::string text_of(const uint8_t* data, size_t size) {
    if (size == 0 || data[0] % 2 == 0) {
        return {data, data + size};
    }
    return fuzz::edited(lab(), {data + 1, size - 1}).dump();
}

void check_mistakes(const std::vector<Error>& mistakes) {
    must(!mistakes.empty());
    for (const Error& mistake : mistakes) {
        const std::string line = mistake.text();
        must(mistake.kind == Exit::usage && line.starts_with("f: ") && line.size() < 20'000);
        must(std::none_of(line.begin(), line.end(), [](char c) { return c >= 0 && c < ' '; }));
    }
}

bool lies_in(const std::vector<Prefix>& prefixes, const Address& address) {
    return std::any_of(prefixes.begin(), prefixes.end(),
                       [&](const Prefix& prefix) { return prefix.contains(address); });
}

void check_inventory(const Inventory& inventory) {
    const bool moves = inventory.moves();
    must(!moves ||
         (inventory.site(inventory.from) != nullptr && inventory.site(inventory.to) != nullptr));
    must(!moves || !inventory.services.empty());
    for (const Site& site : inventory.sites) {
        must(!moves || site.asn != 0);
        for (const Gateway& gateway : site.gateways) {
            must(!moves || (gateway.tunnel && !gateway.host.empty()));
        }
        for (const Line& line : site.lines) {
            must(inventory.carrier(line.carrier) != nullptr);
            must(inventory.site_of_gateway(line.gateway) == &site);
            must(line.address.subnet().contains(line.peer));
        }
    }
    for (const Service& service : inventory.services) {
        must(service.port != 0 && service.server_port != 0);
        must(service.servers.empty() != moves);
        must(lies_in(inventory.prefixes, service.vip));
        for (const Server& server : service.servers) {
            must(server.weight > 0);
            must(lies_in(inventory.old_site().networks, server.from.address));
            must(lies_in(inventory.new_site().networks, server.to.address));
        }
    }
    for (const Carrier& carrier : inventory.carriers) {
        must(!moves || (carrier.vantage && !carrier.clients.empty()));
    }
    for (const Login& login : inventory.logins) {
        must(inventory.service(login.service) != nullptr);
        must(login.sources_per_carrier > 0 && login.sessions_per_carrier > 0);
        must(!login.steps.empty() && !login.heartbeat_expect.value.empty());
    }
}

}  // namespace

}  // namespace rehome

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const auto inventory = rehome::parse_inventory("f", rehome::text_of(data, size));
    if (inventory) {
        rehome::check_inventory(*inventory);
    } else {
        rehome::check_mistakes(inventory.error());
    }
    return 0;
}
