#include "lbsync/core/vipd_config.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "lbsync/core/words.h"

namespace rehome::lbsync {

namespace {

using nlohmann::json;
using nlohmann::ordered_json;  // the order of keys is the operator's

// A number in 1..most; 0 when it is none.
uint64_t number(const json& object, const char* key, uint64_t most) {
    const auto found = object.find(key);
    if (found == object.end() || !found->is_number_unsigned()) {
        return 0;
    }
    const uint64_t value = found->get<uint64_t>();
    return value <= most ? value : 0;
}

constexpr uint64_t last_port = 65535;
constexpr uint64_t most_weight = 1'000'000;

std::optional<ServiceServer> server(const json& value) {
    const auto address = Address::parse(text_at(value, "address"));
    const uint64_t port = number(value, "port", last_port);
    const uint64_t weight = value.contains("weight") ? number(value, "weight", most_weight) : 1;
    if (!address || port == 0 || weight == 0 || text_at(value, "name").empty()) {
        return {};
    }
    return ServiceServer{text_at(value, "name"), *address, static_cast<uint16_t>(port),
                         static_cast<uint32_t>(weight)};
}

// Reads the document's services one by one; tells what is wrong with each.
class Reader {
public:
    Reader(const std::string& where, const InScope& in_scope)
        : where_(where), in_scope_(in_scope) {}

    void service(const json& value, size_t index) {
        const std::string pointer = fmt::format("/services/{}", index);
        const auto vip =
            value.is_object() ? Address::parse(text_at(value, "vip")) : fail(Exit::usage, "", "");
        if (!vip) {
            wrong(pointer + "/vip", "is no address");
        } else if (in_scope_(*vip)) {
            scoped(value, *vip, pointer);
        }
    }

    void wrong(const std::string& pointer, const std::string& what) {
        errors_.push_back({Exit::usage, where_ + ": " + pointer, what});
    }

    Checked<ServicesReading> take() {
        if (!errors_.empty()) {
            return tl::unexpected(std::move(errors_));
        }
        return std::move(reading_);
    }

private:
    void scoped(const json& value, const Address& vip, const std::string& pointer) {
        OfferedService service{
            text_at(value, "name"),     vip,
            text_at(value, "protocol"), static_cast<uint16_t>(number(value, "port", last_port)),
            text_at(value, "forward"),  {}};
        if (service.name.empty() || service.protocol.empty() || service.port == 0) {
            wrong(pointer, "expected name, protocol and port, as in rehome/vipd/1");
        }
        // A key that is not known here may hold an address that is not mapped here.
        bool known = object_of(value, {"name", "vip", "protocol", "port", "forward", "servers"});
        const json servers = value.value("servers", json::array());
        if (!servers.is_array() || servers.empty()) {
            wrong(pointer + "/servers", "expected a list of at least one server");
            return;
        }
        for (size_t i = 0; i < servers.size(); ++i) {
            known &= object_of(servers[i], {"name", "address", "port", "weight"});
            const auto read = servers[i].is_object() ? server(servers[i]) : std::nullopt;
            if (read) {
                service.servers.push_back(*read);
            } else {
                wrong(fmt::format("{}/servers/{}", pointer, i),
                      "expected name, address, port and weight, as in rehome/vipd/1");
            }
        }
        if (!known) {
            reading_.doubts.push_back({where_ + ": " + pointer,
                                       "holds keys that this lbsync does not know, so that it "
                                       "cannot tell what they name"});
        }
        reading_.services.push_back(std::move(service));
    }

    std::string where_;
    const InScope& in_scope_;
    ServicesReading reading_;
    std::vector<Error> errors_;
};

ordered_json to_json(const OfferedService& service) {
    ordered_json servers = ordered_json::array();
    for (const ServiceServer& one : service.servers) {
        servers.push_back({{"name", one.name},
                           {"address", one.address.text()},
                           {"port", one.port},
                           {"weight", one.weight}});
    }
    return {{"name", service.name}, {"vip", service.vip.text()},  {"protocol", service.protocol},
            {"port", service.port}, {"forward", service.forward}, {"servers", std::move(servers)}};
}

}  // namespace

InScope in_prefixes(std::vector<Prefix> prefixes) {
    return [prefixes = std::move(prefixes)](const Address& vip) {
        return std::any_of(prefixes.begin(), prefixes.end(),
                           [&](const Prefix& prefix) { return prefix.contains(vip); });
    };
}

Checked<ServicesReading> read_services(std::string_view text, const std::string& where,
                                       const InScope& in_scope) {
    const json document = json::parse(text, nullptr, false);
    Reader reader(where, in_scope);
    if (!document.is_object() || text_at(document, "schema") != "rehome/vipd/1") {
        reader.wrong("/schema", "is no configuration of vipd, expected \"rehome/vipd/1\"");
        return reader.take();
    }
    const auto services = document.find("services");
    if (services == document.end() || !services->is_array()) {
        reader.wrong("/services", "is missing, expected a list");
        return reader.take();
    }
    for (size_t i = 0; i < services->size(); ++i) {
        reader.service((*services)[i], i);
    }
    return reader.take();
}

std::string with_services(std::string_view text, const std::vector<OfferedService>& services,
                          const InScope& in_scope) {
    ordered_json document = ordered_json::parse(text);
    ordered_json result = ordered_json::array();
    for (const ordered_json& service : document["services"]) {
        const auto vip = Address::parse(service["vip"].get<std::string>());
        if (vip && !in_scope(*vip)) {
            result.push_back(service);
        }
    }
    for (const OfferedService& service : services) {
        result.push_back(to_json(service));
    }
    document["services"] = std::move(result);
    return document.dump(2) + "\n";
}

std::string canonical(const std::vector<OfferedService>& services) {
    std::vector<std::string> lines;
    for (OfferedService service : services) {
        std::sort(service.servers.begin(), service.servers.end());
        lines.push_back(to_json(service).dump() + "\n");
    }
    std::sort(lines.begin(), lines.end());
    std::string text;
    for (const std::string& line : lines) {
        text += line;
    }
    return text;
}

}  // namespace rehome::lbsync
