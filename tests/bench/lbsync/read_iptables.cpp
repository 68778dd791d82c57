// How long it takes to read a dump of iptables and what it means: read_iptables DUMP [TIMES]
// prints the seconds of each reading, one a line.
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "common/json/file.h"
#include "lbsync/iptables/meaning.h"
#include "lbsync/iptables/read.h"

int main(int argc, char** argv) {
    using namespace rehome::lbsync;
    const auto text = rehome::read_file(argc > 1 ? argv[1] : "");
    if (!text) {
        std::fprintf(stderr, "%s\n", text.error().text().c_str());
        return 2;
    }
    const int times = argc > 2 ? std::atoi(argv[2]) : 5;
    for (int i = 0; i < times; ++i) {
        const auto begin = std::chrono::steady_clock::now();
        const auto dump = iptables::read_dump(*text, argv[1]);
        const auto policy =
            dump ? iptables::meaning(*dump, argv[1]) : policy::Policy{{}, {{"", "refused"}}};
        const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
        if (!policy.doubts.empty()) {
            std::fprintf(stderr, "%s\n", policy.doubts[0].what.c_str());
            return 3;
        }
        std::printf("%.6f\n", took.count());
    }
    return 0;
}
