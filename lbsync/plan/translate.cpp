#include "lbsync/plan/translate.h"

#include <algorithm>
#include <functional>

#include <fmt/format.h>

#include "lbsync/mapping/nft_value.h"
#include "lbsync/nft/interval_expr.h"
#include "lbsync/nft/print.h"

namespace rehome::lbsync {

namespace {

Interval all_of(Family family) {
    return Interval::of(Prefix::parse(family == Family::v4 ? "0.0.0.0/0" : "::/0").value());
}

class Translator {
public:
    Translator(const Mapping& mapping, const Interfaces& interfaces, std::vector<Error>& errors)
        : mapping_(mapping),
          errors_(errors),
          values_(mapping, interfaces, [this](const std::string& what) { wrong(what); }) {}

    // Where the next mistakes stand, and in which words.
    void at(std::string where, std::function<std::string()> words) {
        where_ = std::move(where);
        words_ = std::move(words);
    }

    void interface(std::string& name) { values_.interface(name); }

    void operator()(Match& match) {
        const bool any_of = match.op == "==" || match.op == "!=";
        values_.value(match.right, places_of(match.left, mapping_), any_of);
    }
    void operator()(Nat& nat) {
        for (Expr& address : nat.address) {
            if (nat.prefix) {
                host_by_host(address);
            }
            values_.value(address, {});
        }
        for (Expr& port : nat.port) {
            values_.value(port, {});  // a map's keys may be addresses
        }
    }
    void operator()(Assign& assign) { values_.written(assign.value, assign.key); }
    void operator()(VerdictMap& map) { values_.value(map.data, places_of(map.key, mapping_)); }
    void operator()(Update& update) { values_.value(update.key, {}); }
    void operator()(Verbatim& rule) { values_.verbatim(rule.words); }
    template <typename Other>
    void operator()(Other&) {}  // holds nothing of a site

    // One by one, so that a mistake tells the element.
    void elements(Set& set, const std::string& where) {
        const Places keys = places_of(set.key_types, mapping_);
        const Places data = places_of(set.data_types, mapping_);
        std::vector<Expr> all;
        all.reserve(set.elements.size());
        for (Expr& element : set.elements) {
            at(where, [&set, &element] { return print(element, set.key_types); });
            std::vector<Expr> one{element};
            values_.elements(one, keys, data);
            std::move(one.begin(), one.end(), std::back_inserter(all));
        }
        set.elements = std::move(all);
    }

private:
    // A prefix onto a prefix: the last bits stay, so they have to be the same at both sites.
    void host_by_host(const Expr& address) {
        std::string why;
        const auto ask = [&](const Interval& among, const Interval& to) {
            const auto prefix = to.prefix();
            why = why.empty() ? mapping_.moves_hosts(among, prefix ? prefix->length : 0) : why;
        };
        if (const auto to = to_interval(address)) {
            ask(all_of(to->first.family), *to);
        } else if (address.kind == Expr::Kind::map && address.args[1].kind == Expr::Kind::set) {
            for (const Expr& pair : address.args[1].args) {
                const auto among = to_interval(pair.args[0]);
                const auto onto = to_interval(pair.args[1]);
                if (onto) {
                    ask(*onto, *onto);
                    ask(among ? *among : all_of(onto->first.family), *onto);
                }
            }
        } else if (mapping_.changes(Family::v6)) {
            why = "the map is a named one";
        }
        if (!why.empty()) {
            wrong("object without a counterpart: a translation host by host, where " + why);
        }
    }

    void wrong(const std::string& what) {
        errors_.push_back({Exit::usage, where_, fmt::format("{} in: {}", what, words_())});
    }

    const Mapping& mapping_;
    std::vector<Error>& errors_;
    ValueMapper values_;
    std::string where_;
    std::function<std::string()> words_;
};

// A base chain's devices, in `device "NAME"` or `devices = { NAME, NAME }`.
void translate_devices(std::string& property, Translator& translator) {
    constexpr std::string_view one = "device \"";
    constexpr std::string_view many = "devices = { ";
    const bool single = property.find(one) != std::string::npos;
    const std::string_view start = single ? one : many;
    size_t at = property.find(start);
    if (at == std::string::npos) {
        return;
    }
    at += start.size();
    const size_t end = std::min(property.find(single ? '"' : '}', at), property.size());
    std::string rest = property.substr(at, end - at);
    std::vector<std::string> names;
    while (!rest.empty()) {
        const size_t length = std::min(rest.find_first_of(", "), rest.size());
        std::string name = rest.substr(0, length);
        rest.erase(0, std::min(rest.find_first_not_of(", ", length), rest.size()));
        translator.interface(name);
        names.push_back(std::move(name));
    }
    std::sort(names.begin(), names.end());  // as nft lists them
    property.replace(at, end - at, fmt::format("{}{}", fmt::join(names, ", "), single ? "" : " "));
}

void translate_table(Table& table, const std::string& where, Translator& translator) {
    for (Set& set : table.sets) {
        translator.elements(set, fmt::format("{}: {} {}", where, set.kind, set.name));
    }
    for (Chain& chain : table.chains) {
        const std::string at = where + ": chain " + chain.name;
        for (std::string& property : chain.properties) {
            translator.at(at, [words = property] { return words; });
            translate_devices(property, translator);
        }
        for (Rule& rule : chain.rules) {
            translator.at(fmt::format("{}: handle {}", at, rule.handle),
                          [before = rule, &table] { return print(before, table.family); });
            for (Statement& statement : rule.statements) {
                std::visit([&](auto& it) { translator(it); }, statement);
            }
        }
    }
}

std::optional<uint32_t> index_of(const std::vector<vipd::PoolConfig>& pools,
                                 const std::string& name) {
    const auto found = std::find_if(pools.begin(), pools.end(), [&](const vipd::PoolConfig& pool) {
        return pool.name == name;
    });
    return found == pools.end() ? std::nullopt
                                : std::optional(static_cast<uint32_t>(found - pools.begin()));
}

}  // namespace

Ruleset translate(const Ruleset& ruleset, const Mapping& mapping, const Interfaces& interfaces,
                  const std::string& where, std::vector<Error>& errors) {
    Ruleset result = ruleset;
    Translator translator(mapping, interfaces, errors);
    for (Table& table : result.tables) {
        translate_table(table, where + ": " + table.title(), translator);
    }
    return result;
}

Offer translate(const Offer& offer, const Mapping& mapping,
                const std::vector<vipd::PoolConfig>& pools, const std::string& where,
                std::vector<Error>& errors) {
    Offer result = offer;
    result.pools = pools;
    for (vipd::MapConfig& map : result.maps) {
        if (const auto image = mapping.map_hosts(map.server)) {
            map.server = *image;
        } else {
            errors.push_back(
                {Exit::usage, fmt::format("{}: map {}", where, map.name), image.error()});
        }
    }
    for (vipd::ServiceConfig& service : result.services) {
        const auto wrong = [&](const std::string& what) {
            errors.push_back({Exit::usage, fmt::format("{}: service {}", where, service.name),
                              "object without a counterpart: " + what});
        };
        if (service.pool) {
            const std::string& pool = offer.pools[*service.pool].name;
            service.pool = index_of(pools, pool);
            if (!service.pool) {
                wrong(
                    fmt::format("pool {}, expected a pool of that name in the new gateway's "
                                "configuration, of its site's addresses",
                                pool));
            }
        }
        for (vipd::ServerConfig& server : service.servers) {
            const auto image = mapping.paired(server.address);
            if (image) {
                server.address = *image;
            } else {
                wrong(
                    fmt::format("server {} ({}), expected a server that the inventory gives a "
                                "new address",
                                server.name, server.address.text()));
            }
        }
    }
    return result;
}

}  // namespace rehome::lbsync
