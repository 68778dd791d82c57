// A host's reading of one rule, as `lbsync read` prints it, for the tests of what is made of it.
#pragma once

#include <doctest/doctest.h>

#include <string>

#include "lbsync/kernel/json.h"

namespace rehome::lbsync::kernel {

// expressions and sets: JSON, without their brackets.
inline HostRead host_with(const std::string& expressions, const std::string& sets = "",
                          const std::string& family = "inet") {
    const std::string rest = R"("generation":1,"byte_order":"little","interfaces":{"7":"eth0"},)";
    const std::string table = R"({"family":")" + family +
                              R"(","name":"t","objects":[],"flowtables":[],"sets":[)" + sets +
                              R"(],"chains":[{"name":"c","type":"filter","policy":0,)"
                              R"("hook":{"hooknum":1,"priority":4294967286},"rules":[{"handle":4,)"
                              R"("expressions":[)" +
                              expressions + R"(]}]},{"name":"other","rules":[]}]})";
    auto read = parse_host_read(
        R"({"schema":"rehome/lbsync-kernel/1",)" + rest + R"("text":"","json":"","reloaded":{)" +
            rest + R"("tables":[],"not_reloaded":{},"raw":{}},"tables":[)" + table + "]}",
        "host");
    REQUIRE_MESSAGE(read.has_value(), read.error().text());
    return *read;
}

// A load of payload (base 0 link, 1 network, 2 transport), and a test for equality.
inline std::string load(int reg, int base, int offset, int length) {
    return R"({"payload":{"dreg":)" + std::to_string(reg) + R"(,"base":)" + std::to_string(base) +
           R"(,"offset":)" + std::to_string(offset) + R"(,"len":)" + std::to_string(length) + "}}";
}

inline std::string equals(int reg, const std::string& hex, int op = 0) {
    return R"({"cmp":{"sreg":)" + std::to_string(reg) + R"(,"op":)" + std::to_string(op) +
           R"(,"data":{"value":")" + hex + R"("}}})";
}

inline std::string verdict_of(long code, const std::string& chain = "") {
    return R"({"immediate":{"dreg":0,"data":{"verdict":{"code":)" + std::to_string(code) +
           (chain.empty() ? "" : R"(,"chain":")" + chain + "\"") + "}}}}";
}

}  // namespace rehome::lbsync::kernel
