#include <doctest/doctest.h>

#include "common/bird_name.h"

namespace rehome::testing {

TEST_CASE("names that BIRD takes, and those that it does not") {
    for (const char* name : {"red", "red_4", "_x", "R2", "GW", "reds", "acc", "state_gw"}) {
        CAPTURE(name);
        CHECK(why_no_bird_name(name) == "");
    }
    for (const char* name :
         {"", "4red", "acme-net", "acme.net", "r d", "r'd", "r\xc3\xa9", "a\nb"}) {
        CAPTURE(name);
        CHECK(why_no_bird_name(name) == "expected letters, digits and _, a letter or _ first");
    }
    // The first and the last of the list, and between.
    for (const char* name : {"accept", "zero", "gw", "via", "static", "bgp_path"}) {
        CAPTURE(name);
        CHECK(why_no_bird_name(name) == "it is a word of BIRD's own, expected another");
    }
    CHECK(why_no_bird_name(std::string(63, 'x')) == "");
    CHECK(why_no_bird_name(std::string(64, 'x')) == "expected at most 63 characters");
}

}  // namespace rehome::testing
