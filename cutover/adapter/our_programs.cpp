#include "cutover/adapter/our_programs.h"

#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>

namespace rehome::cutover {

void prefer_our_programs() {
    std::error_code error;
    const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
    if (error) {
        return;
    }
    const char* path = std::getenv("PATH");
    const std::string rest = path != nullptr ? path
                                             : "/usr/local/sbin:/usr/local/bin:/usr/sbin:"
                                               "/usr/bin:/sbin:/bin";
    setenv("PATH", (self.parent_path().string() + ":" + rest).c_str(), 1);
}

}  // namespace rehome::cutover
