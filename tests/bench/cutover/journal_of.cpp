// journal_of PLAYBOOK INVENTORY RUN_DIR STEPS RECORDS JOURNAL: a journal of a run that was stopped
// and resumed again and again, with so many records, and all its steps done but the last.
//
// Steps are "s/step 0" and so on.
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>

#include "common/clock.h"
#include "cutover/run/journal.h"

using namespace rehome::cutover;

namespace {

std::string text_of(const std::string& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 7) {
        std::cerr << "usage: journal_of PLAYBOOK INVENTORY RUN_DIR STEPS RECORDS JOURNAL\n";
        return 2;
    }
    Opening opening;
    opening.at = rehome::now_us();
    opening.playbook_path = argv[1];
    opening.playbook = text_of(argv[1]);
    opening.inventory_path = argv[2];
    opening.inventory = text_of(argv[2]);
    opening.run_dir = argv[3];
    opening.run = "0123456789abcdef0123456789abcdef";
    const long steps = std::atol(argv[4]);
    const long records = std::atol(argv[5]);
    JournalWriter writer;
    std::ofstream out(argv[6]);
    out << writer.line(opening);
    long left = records;
    const auto put = [&](Happened what, const std::string& step, const char* text) {
        out << writer.line(Record{what, rehome::now_us(), step, text});
        --left;
    };
    for (long i = 0; i + 1 < steps; ++i) {
        const std::string step = "s/step " + std::to_string(i);
        put(Happened::begun, step, "");
        while (left > 4 * (steps - i - 1)) {
            put(Happened::stopped, "", "a stop was asked for");
            put(Happened::resumed, "", "");
            if (left % (records / steps) < 4) {
                break;
            }
        }
        put(Happened::done, step, "0.0 s");
    }
    while (left > 0) {
        put(left % 2 == 0 ? Happened::stopped : Happened::resumed, "", "");
    }
    return out ? 0 : 3;
}
