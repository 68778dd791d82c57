// The lab's inventory and what nft printed of tests/data/lbsync/*.nft, for the tests of lbsync.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "common/inventory.h"
#include "common/json/file.h"
#include "lbsync/mapping/mapping.h"
#include "lbsync/nft/read.h"
#include "lbsync/plan/pairs.h"

namespace rehome::lbsync {

inline std::string data(const std::string& name) {
    const auto text = read_file("tests/data/lbsync/" + name);
    REQUIRE_MESSAGE(text.has_value(), name);
    return *text;
}

// nft's two forms of NAME.nft, read as if from HOST.
inline Reading reading(const std::string& name, const std::string& host = "host") {
    const auto result = read_ruleset(data(name + ".json"), data(name + ".txt"), host);
    REQUIRE_MESSAGE(result.has_value(), result.error().text());
    return *result;
}

inline const Inventory& lab_inventory() {
    static const auto inventory = read_inventory("tests/lab/inventory.json");
    REQUIRE(inventory.has_value());
    return *inventory;
}

// The lab's two sites, as lbsync pairs them.
struct Lab {
    Inventory inventory = lab_inventory();
    Move move;
    Pairs pairs;
    Mapping mapping;

    explicit Lab(bool back = false) {
        move = choose_move(inventory, back ? "new" : "old", back ? "old" : "new").value();
        pairs = make_pairs(inventory, move).value();
        mapping = Mapping::make(inventory, move, pairs).value();
    }
};

// A configuration of vipd with these keys, and the least of the others: {"services":[...]}.
inline std::string vipd_file(const std::string& keys) {
    auto document = nlohmann::json::parse(R"({"schema":"rehome/vipd/1","inventory":"i.json",
        "gateway":"gw","control":"/run/vipd.sock","ports":[{"name":"red","device":"null:"}],
        "lines":[{"carrier":"red","enabled":false}],"services":[]})");
    document.merge_patch(nlohmann::json::parse(keys));
    return document.dump();
}

inline bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace rehome::lbsync
