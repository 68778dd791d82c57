#include "vipctl/rules_edit.h"

#include <algorithm>
#include <charconv>

#include "common/address.h"

namespace rehome::vipctl {

namespace {

using nlohmann::json;

// The same word, or an address or prefix that is spelled in two ways.
bool same_word(const std::string& a, const std::string& b) {
    const auto first = Prefix::parse(a), second = Prefix::parse(b);
    return a == b || (first && second && *first == *second);
}

// The entry of a list whose key has that value ("" stands for none), or the end.
json::iterator entry(json& list, const char* key, const std::string& value) {
    return std::find_if(list.begin(), list.end(),
                        [&](const json& each) { return same_word(each.value(key, ""), value); });
}

// Replaces it, adds it, or takes it away where it is null; a list that is empty goes.  False: there
// was none to take away.
bool put(json& rules, const char* list, const char* key, const std::string& value, json made) {
    json& entries = rules[list];
    entries = entries.is_null() ? json::array() : entries;
    const auto found = entry(entries, key, value);
    const bool done = !made.is_null() || found != entries.end();
    if (!made.is_null() && !value.empty()) {
        made[key] = value;
    }
    if (made.is_null() && found != entries.end()) {
        entries.erase(found);
    } else if (!made.is_null() && found != entries.end()) {
        *found = std::move(made);
    } else if (!made.is_null()) {
        entries.push_back(std::move(made));
    }
    if (entries.empty()) {
        rules.erase(list);
    }
    return done;
}

std::vector<std::string> ranges_of(const json& rules, const std::string& service) {
    json sets = rules.value("sets", json::array());
    const auto found = entry(sets, "service", service);
    return found == sets.end() ? std::vector<std::string>{}
                               : found->value("ranges", std::vector<std::string>{});
}

// The place of the rule that accepts these clients among those like it, which stand before all
// others.
size_t place_of(const json& rules, const json& accepted) {
    const auto like = [](const json& rule) {
        return rule.value("action", "") == "accept" && rule.value("clients", json()).size() == 1 &&
               rule.size() == 2 + (rule.contains("service") ? 1 : 0);
    };
    size_t i = 0;
    while (i < rules.size() && rules[i] != accepted) {
        i = like(rules[i]) ? i + 1 : rules.size();
    }
    return i;
}

json accepting(const std::string& clients, const std::string& service) {
    json rule{{"action", "accept"}, {"clients", json::array({clients})}};
    if (!service.empty()) {
        rule["service"] = service;
    }
    return rule;
}

// Others that an exception names beside these keep their rate.  made: null takes it away; false:
// there was none.
bool put_exception(json& of_clients, const std::string& clients, json made) {
    const json before = of_clients.value("except", json::array());
    json kept = json::array();
    bool was_there = false;
    for (json one : before) {
        json& named = one["clients"];
        const auto found = std::find_if(named.begin(), named.end(), [&](const json& word) {
            return same_word(word.get<std::string>(), clients);
        });
        if (found != named.end()) {
            was_there = true;
            named.erase(found);
        }
        if (!named.empty()) {
            kept.push_back(std::move(one));
        }
    }
    const bool done = was_there || !made.is_null();
    if (!made.is_null()) {
        made["clients"] = json::array({clients});
        kept.push_back(std::move(made));
    }
    of_clients["except"] = kept;
    if (kept.empty()) {
        of_clients.erase("except");
    }
    return done;
}

}  // namespace

bool edit_range(json& rules, const std::string& service, const std::string& clients,
                const std::string& site) {
    auto ranges = ranges_of(rules, service);
    const auto found = std::find_if(ranges.begin(), ranges.end(), [&](const std::string& range) {
        return same_word(range.substr(0, range.find(' ')), clients);
    });
    const bool was_there = found != ranges.end();
    if (site == "none" && was_there) {
        ranges.erase(found);
    } else if (site != "none" && was_there) {
        *found = clients + " " + site;
    } else if (site != "none") {
        ranges.push_back(clients + " " + site);
    }
    edit_set(rules, service, ranges);
    return was_there || site != "none";
}

void edit_set(json& rules, const std::string& service, const std::vector<std::string>& ranges) {
    put(rules, "sets", "service", service, ranges.empty() ? json() : json{{"ranges", ranges}});
}

bool edit_weights(json& rules, const std::string& service, const std::string& by,
                  const json& sites) {
    return put(rules, "weights", "service", service,
               sites.is_null() ? json() : json{{"by", by}, {"sites", sites}});
}

bool edit_list(json& rules, const std::string& name, const std::vector<std::string>& clients) {
    return put(rules, "lists", "name", name, clients.empty() ? json() : json{{"clients", clients}});
}

void add_accepted(json& document, const std::string& clients, const std::string& service) {
    json& rules = document["rules"];
    rules = rules.is_null() ? json::array() : rules;
    const json rule = accepting(clients, service);
    if (place_of(rules, rule) == rules.size()) {
        rules.insert(rules.begin(), rule);
    }
}

bool drop_accepted(json& document, const std::string& clients, const std::string& service) {
    json rules = document.value("rules", json::array());
    const size_t place = place_of(rules, accepting(clients, service));
    if (place == rules.size()) {
        return false;
    }
    rules.erase(place);
    document["rules"] = rules;
    if (rules.empty()) {
        document.erase("rules");
    }
    return true;
}

Result<> edit_limit(json& document, const std::string& what, const std::string& rate,
                    const json& options) {
    const size_t colon = what.find(':');
    const std::string kind = what.substr(0, colon);
    const std::string name = colon == std::string::npos ? "" : what.substr(colon + 1);
    const bool named = kind == "except" || kind == "service" || kind == "vip";
    if ((kind != "clients" && !named) || named == name.empty()) {
        return fail(Exit::usage, "",
                    in_quotes(what) +
                        " is nothing to limit, expected clients, except:CLIENTS, service:NAME or "
                        "vip:ADDRESS");
    }
    json made = options;
    double per_s = 0;
    const auto [end, error] = std::from_chars(rate.data(), rate.data() + rate.size(), per_s);
    if (error == std::errc() && end == rate.data() + rate.size()) {
        made["per_s"] = per_s;
    } else if (rate == "none") {
        made = json();
    } else if (rate != "unlimited" || kind != "except") {
        return fail(Exit::usage, "",
                    in_quotes(rate) + " is no rate, expected a number a second" +
                        (kind == "except" ? ", unlimited" : "") + " or none");
    }
    const auto no_limit = [&] {
        return fail(Exit::no, "", in_quotes(what) + " has no limit, expected one that has");
    };
    json& limits = document["limits"];
    limits = limits.is_null() ? json::object() : limits;
    if (kind == "clients") {
        if (made.is_null()) {
            limits.erase("clients");
        } else {
            const json except = limits.value("/clients/except"_json_pointer, json());
            limits["clients"] = made;
            if (!except.is_null()) {
                limits["clients"]["except"] = except;
            }
        }
    } else if (kind == "except") {
        if (!limits.contains("clients")) {
            return fail(Exit::no, "",
                        "clients have no limit, expected `vipctl limit clients` first");
        }
        if (!put_exception(limits["clients"], name, made)) {
            return no_limit();
        }
    } else if (!put(limits, kind == "vip" ? "vips" : "services", kind.c_str(), name, made)) {
        return no_limit();
    }
    if (limits.empty()) {
        document.erase("limits");
    }
    return {};
}

std::set<std::string> lists_missing(const json& document) {
    std::set<std::string> named;
    const auto look = [&](const json& of) {
        const json clients = of.is_object() ? of.value("clients", json()) : json();
        for (const json& item : clients.is_array() ? clients : json::array()) {
            const std::string text = item.is_string() ? item.get<std::string>() : ".";
            if (text.find_first_of(".:") == std::string::npos) {
                named.insert(text);
            }
        }
    };
    const auto each = [&](const char* pointer, auto take) {
        const json::json_pointer at(pointer);
        const json list = document.contains(at) ? document[at] : json();
        for (const json& one : list.is_array() ? list : json::array()) {
            take(one);
        }
    };
    each("/rules", look);
    each("/limits/clients/except", look);
    each("/lists", [&](const json& list) {
        named.erase(list.is_object() && list.contains("name") && list["name"].is_string()
                        ? list["name"].get<std::string>()
                        : "");
    });
    return named;
}

Result<json> parse_weights(std::string_view text) {
    json sites = json::object();
    std::string wrong;
    while (!text.empty()) {
        const std::string_view item = text.substr(0, text.find(','));
        text.remove_prefix(std::min(text.size(), item.size() + 1));
        const size_t equals = item.find('=');
        const std::string site(item.substr(0, equals));
        const std::string_view percent =
            equals == std::string_view::npos ? "" : item.substr(equals + 1);
        double value = 0;
        const auto [end, error] =
            std::from_chars(percent.data(), percent.data() + percent.size(), value);
        const bool is_number = error == std::errc() && end == percent.data() + percent.size();
        if (site.empty() || !is_number) {
            wrong += (wrong.empty() ? "" : "\n") + in_quotes(item) +
                     " is no weight, expected SITE=PERCENT";
        } else if (sites.contains(site)) {
            wrong +=
                (wrong.empty() ? "" : "\n") + in_quotes(site) + " is given twice, expected once";
        } else {
            sites[site] = value;
        }
    }
    return wrong.empty() ? Result<json>(sites) : fail(Exit::usage, "", wrong);
}

std::vector<std::string> lines_of(std::string_view text) {
    std::vector<std::string> lines;
    while (!text.empty()) {
        std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(text.size(), line.size() + 1));
        line = line.substr(0, line.find('#'));
        std::string words;
        for (const char c : line) {
            const bool space = c == ' ' || c == '\t' || c == '\r';
            if (!space) {
                words += c;
            } else if (!words.empty() && words.back() != ' ') {
                words += ' ';
            }
        }
        if (!words.empty() && words.back() == ' ') {
            words.pop_back();
        }
        if (!words.empty()) {
            lines.push_back(words);
        }
    }
    return lines;
}

}  // namespace rehome::vipctl
