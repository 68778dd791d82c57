#include "lbsync/plan/translate.h"

#include <algorithm>

#include <fmt/format.h>

#include "lbsync/nft/print.h"

namespace rehome::lbsync {

namespace {

using Kind = Expr::Kind;

class Translator {
public:
    Translator(const Mapping& mapping, const Interfaces& interfaces, std::vector<Error>& errors)
        : mapping_(mapping), interfaces_(interfaces), errors_(errors) {}

    // Where the next mistakes stand, and in which words.
    void at(std::string where, std::string words) {
        where_ = std::move(where);
        words_ = std::move(words);
    }

    void value(Expr& expr, const Types& types) {
        if (const auto interval = to_interval(expr)) {
            if (const auto image = mapping_.map(*interval)) {
                // What stays keeps its form, so that it still equals nft's own text.
                expr = *image == *interval ? expr : to_expr(*image);
            } else {
                wrong(image.error());
            }
        } else if (expr.kind == Kind::word && type_of(types, 0) == "ifname") {
            interface(expr.text);
        } else if (expr.kind == Kind::concat) {
            for (size_t i = 0; i < expr.args.size(); ++i) {
                value(expr.args[i], {type_of(types, i)});
            }
        } else if (expr.kind == Kind::map) {
            map(expr, types);
        } else {
            // In an anonymous map only keys are typed; its verdicts hold no address.
            for (Expr& arg : expr.args) {
                value(arg, types);
            }
        }
    }

    void element(Expr& expr, const Set& set) {
        if (expr.kind == Kind::pair) {
            value(expr.args[0], set.key_types);
            value(expr.args[1], set.data_types);
        } else {
            value(expr, set.key_types);
        }
    }

    void interface(std::string& name) {
        if (auto image = map_interface(interfaces_, name)) {
            name = std::move(*image);
        } else {
            wrong(image.error());
        }
    }

    void operator()(Match& match) { value(match.right, types_of(match.left)); }
    void operator()(Nat& nat) {
        for (Expr& address : nat.address) {
            value(address, {});
        }
        for (Expr& port : nat.port) {
            value(port, {});  // a map's keys may be addresses
        }
    }
    void operator()(Assign& assign) { value(assign.value, types_of(assign.key)); }
    void operator()(VerdictMap& map) { value(map.data, types_of(map.key)); }
    void operator()(Update& update) { value(update.key, {}); }
    template <typename Other>
    void operator()(Other&) {}  // holds nothing of a site

private:
    void map(Expr& expr, const Types& types) {
        const Types keys = types_of(expr.args[0]);
        for (Expr& item : expr.args[1].args) {
            value(item.kind == Kind::pair ? item.args[0] : item, keys);
            if (item.kind == Kind::pair) {
                value(item.args[1], types);
            }
        }
    }

    void wrong(const std::string& what) {
        errors_.push_back({Exit::usage, where_, fmt::format("{} in: {}", what, words_)});
    }

    const Mapping& mapping_;
    const Interfaces& interfaces_;
    std::vector<Error>& errors_;
    std::string where_;
    std::string words_;
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
        for (Expr& element : set.elements) {
            translator.at(fmt::format("{}: {} {}", where, set.kind, set.name),
                          print(element, set.key_types));
            translator.element(element, set);
        }
    }
    for (Chain& chain : table.chains) {
        const std::string at = where + ": chain " + chain.name;
        for (std::string& property : chain.properties) {
            translator.at(at, property);
            translate_devices(property, translator);
        }
        for (Rule& rule : chain.rules) {
            translator.at(fmt::format("{}: handle {}", at, rule.handle), print(rule, table.family));
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

Expr to_expr(const Interval& interval) {
    Expr expr;
    expr.address = interval.first;
    const auto prefix = interval.prefix();
    if (interval.first == interval.last) {
        expr.kind = Kind::address;
    } else if (prefix) {
        expr.kind = Kind::prefix;
        expr.number = prefix->length;
    } else {
        expr.kind = Kind::range;
        expr.args = {to_expr({interval.first, interval.first}),
                     to_expr({interval.last, interval.last})};
    }
    return expr;
}

std::optional<Interval> to_interval(const Expr& expr) {
    if (expr.kind == Kind::address) {
        return Interval{expr.address, expr.address};
    }
    if (expr.kind == Kind::prefix) {
        return Interval::of({expr.address, static_cast<unsigned>(expr.number)});
    }
    if (expr.kind == Kind::range && expr.args[0].kind == Kind::address) {
        return Interval{expr.args[0].address, expr.args[1].address};
    }
    return {};
}

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
