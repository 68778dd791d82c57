// In ssh's place: a host that answers after 50 ms what stands in the file $ANSWERS, with its own
// clock's time where that has @NOW@.
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <thread>

#include "common/clock.h"

int main() {
    const std::string asked{std::istreambuf_iterator<char>(std::cin), {}};
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    const char* path = std::getenv("ANSWERS");
    std::ifstream file(path != nullptr ? path : "");
    std::string answer{std::istreambuf_iterator<char>(file), {}};
    const std::string mark = "@NOW@";
    for (size_t at = answer.find(mark); at != std::string::npos; at = answer.find(mark)) {
        answer.replace(at, mark.size(), rehome::iso8601(rehome::now_us()));
    }
    std::cout << answer;
    return asked.empty() || answer.empty() ? 1 : 0;
}
