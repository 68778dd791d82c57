#include "lbsync/plan/vipd_config.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "lbsync/nft/words.h"

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

// tunnelled: the VIP's port is kept, and the server has none of its own.
std::optional<ServiceServer> server(const json& value, bool tunnelled) {
    const auto address = Address::parse(text_at(value, "address"));
    const uint64_t port = number(value, "port", last_port);
    const bool port_right = port != 0 || (tunnelled && !value.contains("port"));
    const uint64_t weight = value.contains("weight") ? number(value, "weight", most_weight) : 1;
    const json masked = value.value("masked", json(false));
    if (!address || !port_right || weight == 0 || !masked.is_boolean() ||
        text_at(value, "name").empty()) {
        return {};
    }
    return ServiceServer{text_at(value, "name"), *address, static_cast<uint16_t>(port),
                         static_cast<uint32_t>(weight), masked.get<bool>()};
}

Interval only(const Address& address) {
    return {address, address};
}

// Reads the document's services and maps one by one; tells what is wrong with each.
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
        } else if (in_scope_(only(*vip)) != Scope::none) {
            scoped(value, *vip, pointer);
        }
    }

    void map(const json& value, size_t index) {
        const std::string pointer = fmt::format("/maps/{}", index);
        const bool object = value.is_object();
        const auto vip =
            object ? Prefix::parse(text_at(value, "vip_prefix")) : fail(Exit::usage, "", "");
        const auto server =
            object ? Prefix::parse(text_at(value, "server_prefix")) : fail(Exit::usage, "", "");
        const std::string name = object ? text_at(value, "name") : "";
        if (!vip || !server || name.empty()) {
            wrong(pointer, "expected name, vip_prefix and server_prefix, as in rehome/vipd/1");
            return;
        }
        const Scope scope = in_scope_(Interval::of(*vip));
        if (scope == Scope::some) {
            wrong(pointer + "/vip_prefix",
                  "lies in the prefixes that move in part, expected a map in one of them");
        } else if (scope == Scope::all) {
            doubt_unless(object_of(value, {"name", "vip_prefix", "server_prefix"}), pointer);
            reading_.offer.maps.push_back({name, *vip, *server});
        }
    }

    void pool(const json& value, size_t index) {
        if (!value.is_object() || text_at(value, "name").empty()) {
            wrong(fmt::format("/pools/{}", index), "expected a pool with a name");
            return;
        }
        reading_.pools.push_back(text_at(value, "name"));
    }

    // A key that is not known here may hold an address that is not mapped here.
    void doubt_unless(bool known, const std::string& pointer) {
        if (!known) {
            reading_.doubts.push_back({pointer.empty() ? where_ : where_ + ": " + pointer,
                                       "holds keys that this lbsync does not know, so that it "
                                       "cannot tell what they name"});
        }
    }

    void wrong(const std::string& pointer, const std::string& what) {
        errors_.push_back({Exit::usage, where_ + ": " + pointer, what});
    }

    Checked<OfferReading> take() {
        if (!errors_.empty()) {
            return tl::unexpected(std::move(errors_));
        }
        return std::move(reading_);
    }

private:
    void scoped(const json& value, const Address& vip, const std::string& pointer) {
        OfferedService service{
            text_at(value, "name"),       vip,
            text_at(value, "protocol"),   static_cast<uint16_t>(number(value, "port", last_port)),
            text_at(value, "forward"),    text_at(value, "encapsulation"),
            text_at(value, "source_nat"), {}};
        if (service.name.empty() || service.protocol.empty() || service.port == 0) {
            wrong(pointer, "expected name, protocol and port, as in rehome/vipd/1");
        }
        for (const char* key : {"encapsulation", "source_nat"}) {
            if (value.contains(key) && text_at(value, key).empty()) {
                wrong(pointer + "/" + key, "is no name, expected one as in rehome/vipd/1");
            }
        }
        const bool tunnelled = service.forward == "tunnel";
        if (tunnelled && service.encapsulation.empty()) {
            service.encapsulation = "ipip";  // vipd's, unless given
        }
        bool known = object_of(value, {"name", "vip", "protocol", "port", "forward",
                                       "encapsulation", "source_nat", "servers"});
        const json servers = value.value("servers", json::array());
        if (!servers.is_array() || servers.empty()) {
            wrong(pointer + "/servers", "expected a list of at least one server");
            return;
        }
        for (size_t i = 0; i < servers.size(); ++i) {
            known &= object_of(servers[i], {"name", "address", "port", "weight", "masked"});
            const auto read = servers[i].is_object() ? server(servers[i], tunnelled) : std::nullopt;
            if (read) {
                service.servers.push_back(*read);
            } else {
                wrong(fmt::format("{}/servers/{}", pointer, i),
                      "expected name, address, port (none of its own in a tunnel), weight and "
                      "masked, as in rehome/vipd/1");
            }
        }
        doubt_unless(known, pointer);
        reading_.offer.services.push_back(std::move(service));
    }

    std::string where_;
    const InScope& in_scope_;
    OfferReading reading_;
    std::vector<Error> errors_;
};

ordered_json to_json(const OfferedService& service) {
    ordered_json servers = ordered_json::array();
    for (const ServiceServer& one : service.servers) {
        ordered_json server{{"name", one.name}, {"address", one.address.text()}};
        if (one.port != 0) {
            server["port"] = one.port;
        }
        server["weight"] = one.weight;
        if (one.masked) {
            server["masked"] = true;
        }
        servers.push_back(std::move(server));
    }
    ordered_json object{{"name", service.name},
                        {"vip", service.vip.text()},
                        {"protocol", service.protocol},
                        {"port", service.port},
                        {"forward", service.forward}};
    if (!service.encapsulation.empty()) {
        object["encapsulation"] = service.encapsulation;
    }
    if (!service.source_nat.empty()) {
        object["source_nat"] = service.source_nat;
    }
    object["servers"] = std::move(servers);
    return object;
}

ordered_json to_json(const OfferedMap& map) {
    return {
        {"name", map.name}, {"vip_prefix", map.vip.text()}, {"server_prefix", map.server.text()}};
}

// The document's list with what is offered in place of what is in scope.
template <typename Offered, typename Vips>
ordered_json replaced(const ordered_json& list, const std::vector<Offered>& offered,
                      const InScope& in_scope, Vips vips_of) {
    ordered_json result = ordered_json::array();
    for (const ordered_json& one : list) {
        const auto vips = vips_of(one);
        if (vips && in_scope(*vips) == Scope::none) {
            result.push_back(one);
        }
    }
    for (const Offered& one : offered) {
        result.push_back(to_json(one));
    }
    return result;
}

}  // namespace

InScope in_prefixes(std::vector<Prefix> prefixes) {
    return [prefixes = std::move(prefixes)](const Interval& vips) {
        Scope scope = Scope::none;
        for (const Prefix& prefix : prefixes) {
            const Interval moving = Interval::of(prefix);
            if (moving.contains(vips)) {
                return Scope::all;
            }
            scope = moving.meets(vips) ? Scope::some : scope;
        }
        return scope;
    };
}

Checked<OfferReading> read_offer(std::string_view text, const std::string& where,
                                 const InScope& in_scope) {
    const json document = json::parse(text, nullptr, false);
    Reader reader(where, in_scope);
    if (!document.is_object() || text_at(document, "schema") != "rehome/vipd/1") {
        reader.wrong("/schema", "is no configuration of vipd, expected \"rehome/vipd/1\"");
        return reader.take();
    }
    reader.doubt_unless(
        object_of(document,
                  {"schema", "inventory", "gateway", "control", "reset_log", "orders", "memory",
                   "workers", "flows", "fragments", "maps", "pools", "ports", "lines", "services"}),
        "");
    const auto each = [&](const char* key, void (Reader::*read)(const json&, size_t)) {
        const auto list = document.find(key);
        const bool needed = std::string_view(key) == "services";
        if (list == document.end() ? needed : !list->is_array()) {
            reader.wrong(std::string("/") + key, "is no list, expected one");
        } else if (list != document.end()) {
            for (size_t i = 0; i < list->size(); ++i) {
                (reader.*read)((*list)[i], i);
            }
        }
    };
    each("services", &Reader::service);
    each("maps", &Reader::map);
    each("pools", &Reader::pool);
    return reader.take();
}

std::string with_offer(std::string_view text, const Offer& offer, const InScope& in_scope) {
    ordered_json document = ordered_json::parse(text);
    document["services"] =
        replaced(document["services"], offer.services, in_scope, [](const ordered_json& service) {
            return Address::parse(service["vip"].get<std::string>()).map(only);
        });
    const bool has_maps = document.contains("maps");
    if (has_maps || !offer.maps.empty()) {
        document["maps"] = replaced(
            has_maps ? document["maps"] : ordered_json::array(), offer.maps, in_scope,
            [](const ordered_json& map) {
                return Prefix::parse(map["vip_prefix"].get<std::string>()).map(Interval::of);
            });
    }
    return document.dump(2) + "\n";
}

std::string canonical(const Offer& offer) {
    std::vector<std::string> lines;
    for (OfferedService service : offer.services) {
        std::sort(service.servers.begin(), service.servers.end());
        lines.push_back(to_json(service).dump() + "\n");
    }
    for (const OfferedMap& map : offer.maps) {
        lines.push_back(to_json(map).dump() + "\n");
    }
    std::sort(lines.begin(), lines.end());
    std::string text;
    for (const std::string& line : lines) {
        text += line;
    }
    return text;
}

}  // namespace rehome::lbsync
