// Where the checks of vipd's configuration note what is wrong: once a place.
#pragma once

#include <string>
#include <string_view>

#include "common/address.h"
#include "common/json/file.h"

namespace rehome::vipd {

// A value that the reader could not make sense of is a mistake already; more must not follow from
// it.
class Checker {
public:
    explicit Checker(Mistakes& mistakes) : mistakes_(mistakes) {}

    template <typename... Parts>
    void wrong(const std::string& what, const Parts&... parts) {
        std::string pointer;
        ((pointer = pointer_to(pointer, parts)), ...);
        wrong_at(pointer, what);
    }

    template <typename... Parts>
    bool readable(const Parts&... parts) const {
        if (mistakes_.none()) {
            return true;
        }
        std::string pointer;
        ((pointer = pointer_to(pointer, parts)), ...);
        return !mistakes_.has(pointer);
    }

    void wrong_at(const std::string& pointer, const std::string& what) {
        if (!mistakes_.has(pointer)) {
            mistakes_.add(pointer, what);
        }
    }

private:
    Mistakes& mistakes_;
};

inline std::string_view family_name(Family family) {
    return family == Family::v4 ? "IPv4" : "IPv6";
}

}  // namespace rehome::vipd
