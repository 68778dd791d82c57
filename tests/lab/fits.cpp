// fits: whether what a program printed is of its format.
//
//     fits SCHEMA            the one JSON document on standard input
//     fits --lines SCHEMA    each of its lines
//
// Every mistake is told on standard error, as in the programs themselves.  Exit: 0 all fit, 2 one
// does not, or there is none.
#include <fstream>
#include <iostream>
#include <iterator>

#include <nlohmann/json.hpp>

#include "common/command.h"
#include "common/json/file.h"

namespace {

using namespace rehome;

std::string all_of(std::istream& input) {
    return {std::istreambuf_iterator<char>(input), {}};
}

// How many documents there were.
size_t check_lines(Mistakes& mistakes, const std::string& schema) {
    size_t count = 0;
    for (std::string line; std::getline(std::cin, line); ++count) {
        (void)parse_json(mistakes, line, schema);
    }
    return count;
}

}  // namespace

int main(int argc, char** argv) {
    const bool lines = argc == 3 && std::string_view(argv[1]) == "--lines";
    std::ifstream file(argc < 2 ? "" : argv[argc - 1]);
    if ((!lines && argc != 2) || !file) {
        std::cerr << "usage: fits [--lines] SCHEMA <DOCUMENT\n";
        return 2;
    }
    const std::string schema = all_of(file);
    Mistakes mistakes(argv[argc - 1]);
    size_t count = 1;
    if (lines) {
        count = check_lines(mistakes, schema);
    } else {
        (void)parse_json(mistakes, all_of(std::cin), schema);
    }
    if (count == 0) {
        mistakes.add("", "there is nothing, expected a document");
    }
    return mistakes.none() ? 0 : static_cast<int>(print_mistakes(mistakes.take()));
}
