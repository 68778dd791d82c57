#include "lbsync/nft/read.h"

#include <algorithm>
#include <initializer_list>
#include <map>
#include <optional>
#include <tuple>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "lbsync/nft/dynamic_sets.h"
#include "lbsync/nft/json.h"
#include "lbsync/nft/print.h"
#include "lbsync/nft/text.h"
#include "lbsync/nft/words.h"

namespace rehome::lbsync {

namespace {

using nlohmann::json;

// Where an object stands in a rule set: family, table, kind, name.
using Place = std::tuple<std::string, std::string, std::string, std::string>;

// The JSON form, sorted by place.
struct Listing {
    std::map<Place, const json*> objects;
    std::map<Place, std::vector<const json*>> rules;  // of a chain
};

Listing sorted(const json& entries) {
    Listing listing;
    for (const json& entry : entries) {
        if (!entry.is_object() || entry.size() != 1 || !entry.begin()->is_object()) {
            continue;  // whatever it is, the text form shows it and finds it missing here
        }
        const std::string& kind = entry.begin().key();
        const json& body = entry.begin().value();
        const std::string family = text_at(body, "family");
        const std::string table = text_at(body, "table");
        if (kind == "rule") {
            listing.rules[{family, table, "chain", text_at(body, "chain")}].push_back(&body);
        } else {
            listing.objects[{family, table, kind, text_at(body, "name")}] = &body;
        }
    }
    return listing;
}

class Reader {
public:
    Reader(Listing listing, std::string_view where) : listing_(std::move(listing)), where_(where) {}

    Reading read(const std::vector<TextTable>& tables) {
        for (const TextTable& table : tables) {
            if (!belongs_to_others(table.name)) {
                read_table(table);
            }
        }
        return std::move(reading_);
    }

private:
    void doubt(const std::string& where, std::string what) {
        reading_.doubts.push_back({where, std::move(what)});
    }

    // The properties that the model carries word by word; they hold no address.
    void check_properties(const std::vector<std::string>& lines,
                          std::initializer_list<std::string_view> known, const std::string& where) {
        for (const std::string& line : lines) {
            if (!in(line.substr(0, line.find(' ')), known)) {
                doubt(where, "unknown property " + in_quotes(line));
            }
        }
    }

    void read_table(const TextTable& text) {
        Table table{text.family, text.name, text.properties, {}, {}, {}};
        const std::string where = fmt::format("{}: {}", where_, table.title());
        check_properties(text.properties, {"comment", "flags"}, where);
        if (std::any_of(text.properties.begin(), text.properties.end(), [](const auto& line) {
                return line.starts_with("flags ") && line != "flags dormant";
            })) {
            doubt(where, "flags other than dormant (an owned table is its program's)");
        }
        for (const TextObject& object : text.objects) {
            const std::string at = where + ": " + object.kind + " " + object.name;
            const auto found =
                listing_.objects.find({text.family, text.name, object.kind, object.name});
            if (found == listing_.objects.end()) {
                doubt(at, "stands in the text form only");
            } else {
                read_object(object, *found->second, at, table);
            }
        }
        reading_.ruleset.tables.push_back(std::move(table));
    }

    void read_object(const TextObject& text, const json& body, const std::string& where,
                     Table& table) {
        if (text.kind == "chain") {
            const auto rules = listing_.rules.find({table.family, table.name, "chain", text.name});
            read_chain(text, rules == listing_.rules.end() ? no_rules_ : rules->second, where,
                       table);
        } else if (text.kind == "set" || text.kind == "map") {
            read_set(text, body, where, table);
        } else if (in(text.kind, {"counter", "limit"})) {
            check_properties(text.lines, {"comment", "rate"}, where);
            table.objects.push_back({text.kind, text.name, text.lines});
        } else {
            doubt(where, "objects of this kind are not modelled");
        }
    }

    void read_chain(const TextObject& text, const std::vector<const json*>& rules,
                    const std::string& where, Table& table) {
        check_properties(text.lines, {"comment", "type"}, where);
        if (rules.size() != text.rules.size()) {
            doubt(where, fmt::format("{} rules in the JSON form, {} in the text form", rules.size(),
                                     text.rules.size()));
        }
        Chain chain{text.name, text.lines, {}};
        for (size_t i = 0; i < std::min(rules.size(), text.rules.size()); ++i) {
            const auto& [handle, words] = text.rules[i];
            const std::string at = fmt::format("{}: handle {}", where, handle);
            chain.rules.push_back(read_rule(*rules[i], table.family, handle, words, at));
        }
        table.chains.push_back(std::move(chain));
    }

    Rule read_rule(const json& body, const std::string& family, uint64_t handle,
                   const std::string& words, const std::string& where) {
        Rule rule{handle, text_at(body, "comment"), {}};
        for (const json& expr : body.value("expr", json::array())) {
            auto statement = parse_statement(expr);
            if (!statement) {
                doubt(where, fmt::format("{}: {}", words, statement.error()));
                return {handle, "", {Verbatim{words}}};
            }
            rule.statements.push_back(std::move(*statement));
        }
        const std::string printed = print(rule, family);
        if (body.value("handle", json(0)) != json(handle) || printed != words) {
            doubt(where, fmt::format("{}: the JSON form reads as {}", words, in_quotes(printed)));
            return {handle, "", {Verbatim{words}}};
        }
        return rule;
    }

    void read_set(const TextObject& text, const json& body, const std::string& where,
                  Table& table) {
        check_properties(text.lines,
                         {"type", "typeof", "flags", "timeout", "gc-interval", "policy", "size",
                          "auto-merge", "comment", "counter"},
                         where);
        const auto key_types = parse_types(body.value("type", json("")));
        const auto data_types = parse_types(body.value("map", json("verdict")));
        if (!key_types || !data_types) {
            doubt(where, (key_types ? data_types : key_types).error());
            return;
        }
        Set set{text.kind, text.name, text.lines, *key_types, *data_types, false, false, {}};
        for (const std::string& line : text.lines) {
            const bool flags = line.starts_with("flags ");
            set.dynamic |= flags && line.find("dynamic") != std::string::npos;
            set.interval |= flags && line.find("interval") != std::string::npos;
        }
        if (!set.dynamic && !read_elements(text, body, where, set)) {
            return;
        }
        table.sets.push_back(std::move(set));
    }

    bool read_elements(const TextObject& text, const json& body, const std::string& where,
                       Set& set) {
        for (const json& item : body.value("elem", json::array())) {
            auto element = parse_element(item);
            if (!element) {
                doubt(where, element.error());
                return false;
            }
            set.elements.push_back(std::move(*element));
        }
        const std::string printed = print_elements(set);
        if (printed != text.elements) {
            doubt(where, fmt::format("elements {}: the JSON form reads as {}",
                                     in_quotes(text.elements), in_quotes(printed)));
        }
        return printed == text.elements;
    }

    Listing listing_;
    std::string where_;
    Reading reading_;
    const std::vector<const json*> no_rules_;
};

}  // namespace

bool belongs_to_others(std::string_view table_name) {
    return table_name.starts_with("vipd-") || table_name.starts_with("rehome-");
}

Result<Reading> read_ruleset(std::string_view json_text, std::string_view text,
                             std::string_view where) {
    const json parsed = parse_bounded(json_text);
    const auto entries = parsed.is_object() ? parsed.find("nftables") : parsed.end();
    if (!parsed.is_object() || entries == parsed.end() || !entries->is_array()) {
        return fail(Exit::unknown, std::string(where),
                    "`nft -j list ruleset` prints no \"nftables\" array, as nftables 1.0 does");
    }
    auto tables = parse_nft_text(text);
    if (!tables) {
        return fail(tables.error().kind, std::string(where), tables.error().text());
    }
    Reading reading = Reader(sorted(*entries), where).read(*tables);
    mark_dynamic_sets(reading.ruleset);
    return reading;
}

}  // namespace rehome::lbsync
