// What a fuzzer asserts: whatever does not hold ends it, and the input is kept.
#pragma once

#include <cstdlib>

inline void must(bool holds) {
    if (!holds) {
        std::abort();
    }
}
