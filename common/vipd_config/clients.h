// Clients as a document of access or placement names them: prefixes, and lists of them, "lists",
// that have a name.
//
// A document is read as a whole, with all mistakes at once: also where not all of it fits its
// schema, as long as the rest does (json/schema.h).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "common/address.h"
#include "common/json/file.h"

namespace rehome::vipd {

// Prefixes that are said in one place, each once, by whatever name.
class DistinctPrefixes {
public:
    explicit DistinctPrefixes(Mistakes& mistakes) : mistakes_(mistakes) {}

    // said: the prefix, or the list that has it.  False, and a mistake: it was there already.
    bool add(const Prefix& prefix, const std::string& said, const std::string& at);

    std::vector<Prefix> take() { return std::move(prefixes_); }

private:
    Mistakes& mistakes_;
    std::vector<Prefix> prefixes_;
    std::map<Prefix, std::string> by_;
};

class ClientLists {
public:
    ClientLists(Mistakes& mistakes, const nlohmann::json& document);

    // Of the list of that name, or the one prefix that it is.  None, and a mistake: it is neither,
    // as far as lists are known.
    std::vector<Prefix> find(const std::string& said, const std::string& at) const;

private:
    Mistakes& mistakes_;
    bool all_known_;
    std::map<std::string, std::vector<Prefix>> lists_;
};

// Each item of an array, and where it stands, of which no mistake is known; under: the pointer of
// what has the key.
template <typename Take>
void each_of(const Mistakes& mistakes, const nlohmann::json& of, std::string_view under,
             const char* key, Take take) {
    const auto list = of.find(key);
    const std::string there = pointer_to(under, key);
    if (list == of.end() || mistakes.has_at(there)) {
        return;
    }
    for (size_t i = 0; i < list->size(); ++i) {
        if (const std::string at = pointer_to(there, i); !mistakes.has_in(at)) {
            take((*list)[i], at);
        }
    }
}

// In 0.01 %; a mistake: it is no multiple of that.
uint32_t hundredths_of(Mistakes& mistakes, double percent, const std::string& at);

// Of what the document says; its keys are sorted.
uint64_t digest_of(const nlohmann::json& document);

}  // namespace rehome::vipd
