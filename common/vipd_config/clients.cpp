#include "common/vipd_config/clients.h"

#include <fmt/format.h>

#include <cmath>

#include "common/sha256.h"

namespace rehome::vipd {

namespace {

// No packet comes from an IPv4 address as IPv6 maps it: such clients would never be met.
Result<Prefix> parse_clients(const std::string& said) {
    auto prefix = Prefix::parse(said);
    if (prefix && prefix->address.family == Family::v6 && prefix->length >= 96) {
        if (const Address address = unmapped(prefix->address.bytes); address.family == Family::v4) {
            return fail(Exit::usage, "",
                        fmt::format("{} are IPv4 addresses, expected {}", in_quotes(said),
                                    Prefix{address, prefix->length - 96}.text()));
        }
    }
    return prefix;
}

}  // namespace

bool DistinctPrefixes::add(const Prefix& prefix, const std::string& said, const std::string& at) {
    const auto [before, is_new] = by_.emplace(prefix, said);
    if (is_new) {
        prefixes_.push_back(prefix);
    } else {
        mistakes_.add(at, fmt::format("{} is given twice, by {} and by {}, expected once",
                                      prefix.text(), before->second, said));
    }
    return is_new;
}

ClientLists::ClientLists(Mistakes& mistakes, const nlohmann::json& document)
    : mistakes_(mistakes), all_known_(!mistakes.has_in("/lists")) {
    each_of(
        mistakes, document, "", "lists", [&](const nlohmann::json& list, const std::string& at) {
            DistinctPrefixes clients(mistakes);
            each_of(mistakes, list, at, "clients",
                    [&](const nlohmann::json& item, const std::string& where) {
                        const std::string said = item.get<std::string>();
                        if (const auto prefix = parse_clients(said)) {
                            clients.add(*prefix, said, where);
                        } else {
                            mistakes.add(where, prefix.error().what);
                        }
                    });
            if (!lists_.emplace(list["name"], clients.take()).second) {
                mistakes.add(at + "/name", in_quotes(list["name"].get<std::string>()) +
                                               " is given twice, expected one list of that name");
            }
        });
}

std::vector<Prefix> ClientLists::find(const std::string& said, const std::string& at) const {
    if (const auto list = lists_.find(said); list != lists_.end()) {
        return list->second;
    }
    if (said.find_first_of(".:") == std::string::npos) {
        if (all_known_) {
            mistakes_.add(at,
                          "no list is called " + in_quotes(said) + ", expected one or a prefix");
        }
        return {};
    }
    const auto prefix = parse_clients(said);
    if (!prefix) {
        mistakes_.add(at, prefix.error().what);
        return {};
    }
    return {*prefix};
}

uint32_t hundredths_of(Mistakes& mistakes, double percent, const std::string& at) {
    const double hundredths = percent * 100;
    if (std::abs(hundredths - std::round(hundredths)) > 1e-6) {
        mistakes.add(at, "is " + nlohmann::json(percent).dump() + ", expected a multiple of 0.01");
    }
    return static_cast<uint32_t>(std::lround(hundredths));
}

uint64_t digest_of(const nlohmann::json& document) {
    return short_sha256(document.dump());
}

}  // namespace rehome::vipd
