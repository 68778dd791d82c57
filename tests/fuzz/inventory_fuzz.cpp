// Fuzzes the reading of an inventory (libFuzzer, ASan, UBSan), from the repository's root: the
// input is a text, or a list of edits of the lab's inventory, which reach what lies behind the
// schema.
//
// Whatever the text, it is taken or refused: refused with mistakes that are a clean line each, or
// taken with all that the programs rely on.
#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "common/inventory.h"
#include "common/json/file.h"

namespace rehome {

namespace {

using nlohmann::json;

void must(bool holds) {
    if (!holds) {
        std::abort();
    }
}

const json& lab() {
    static const json document = json::parse(read_file("tests/lab/inventory.json").value());
    return document;
}

// Every value of the document, the document itself first.
std::vector<json::json_pointer> pointers_of(const json& document) {
    std::vector<json::json_pointer> pointers{json::json_pointer()};
    for (size_t i = 0; i < pointers.size(); ++i) {
        const json::json_pointer at = pointers[i];
        const json& value = document.at(at);
        if (value.is_structured()) {
            for (const auto& [key, below] : value.items()) {
                pointers.emplace_back(pointer_to(at.to_string(), std::string_view(key)));
            }
        }
    }
    return pointers;
}

// Values with corners, besides those that the document holds.
json odd_value(uint8_t which) {
    static const json values = json::parse(R"([
        null, true, 0, -1, 1, 65535, 65536, 4294967295, 4294967296, 18446744073709551615, 1.5, "", "x",
        "10.1.1.11", "0.0.0.0/0", "::/0", "2001:db8::1", "10.1.0.0/33", "hex:", "hex:0", "text:{session}",
        "old", "new", "red", [], {}, ["198.51.100.0/25"], {"address": "::1"}, "netns:..", "\u00e9\ud83d\ude00"
    ])");
    return values[which % values.size()];
}

// One edit: what, where (two bytes), with which value.
void edit(json& document, const uint8_t* bytes) {
    const auto pointers = pointers_of(document);
    const auto at = [&pointers](size_t n) { return pointers[n % pointers.size()]; };
    const json::json_pointer where = at(size_t{bytes[1]} << 8 | bytes[2]);
    json& value = document[where];
    switch (bytes[0] % 4) {
        case 0:
            value = odd_value(bytes[3]);
            break;
        case 1:
            value = json(document[at(size_t{bytes[3]} * 7)]);
            break;
        case 2:
            if (value.is_array()) {
                value.push_back(value.empty() ? odd_value(bytes[3]) : json(value[0]));
            } else if (value.is_object()) {
                value["extra"] = odd_value(bytes[3]);
            }
            break;
        default:
            if (value.is_structured() && !value.empty()) {
                value.erase(std::next(value.begin(), bytes[3] % static_cast<int>(value.size())));
            }
    }
}

std::string text_of(const uint8_t* data, size_t size) {
    constexpr size_t edit_size = 4;
    if (size == 0 || data[0] % 2 == 0) {
        return {data, data + size};
    }
    json document = lab();
    // A document can double with each edit.
    for (size_t i = 1; i + edit_size <= size && i < 16 * edit_size; i += edit_size) {
        edit(document, data + i);
    }
    return document.dump();
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
