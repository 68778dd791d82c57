// Clients as a document of access or placement names them: prefixes, and lists of them, "lists",
// that have a name.
//
// A document is read as a whole, with all mistakes at once.  It fits its schema already.
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

    // Of the list of that name, or the one prefix that it is.  None, and a mistake: it is neither.
    std::vector<Prefix> find(const std::string& said, const std::string& at) const;

private:
    Mistakes& mistakes_;
    std::map<std::string, std::vector<Prefix>> lists_;
};

// Each item of an array, and where it stands; under: the pointer of what has the key.
template <typename Take>
void each_of(const nlohmann::json& of, std::string_view under, const char* key, Take take) {
    const auto list = of.find(key);
    for (size_t i = 0; list != of.end() && i < list->size(); ++i) {
        take((*list)[i], pointer_to(pointer_to(under, key), i));
    }
}

// In 0.01 %; a mistake: it is no multiple of that.
uint32_t hundredths_of(Mistakes& mistakes, double percent, const std::string& at);

// Of what the document says; its keys are sorted.
uint64_t digest_of(const nlohmann::json& document);

}  // namespace rehome::vipd
