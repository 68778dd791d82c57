#include "cutover/adapter/who.h"

#include <fmt/format.h>
#include <pwd.h>

#include <array>

namespace rehome::cutover {

std::string who(uid_t uid) {
    passwd entry{};
    passwd* found = nullptr;
    std::array<char, 16'384> texts{};
    const bool known =
        getpwuid_r(uid, &entry, texts.data(), texts.size(), &found) == 0 && found != nullptr;
    return known ? fmt::format("{} (uid {})", found->pw_name, uid) : fmt::format("uid {}", uid);
}

}  // namespace rehome::cutover
