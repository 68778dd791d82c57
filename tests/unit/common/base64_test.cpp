// Base64: RFC 4648's own test vectors (section 10), what is refused, and every length there and
// back.
#include "common/base64.h"

#include <doctest/doctest.h>

using namespace rehome;

TEST_CASE("base64's test vectors") {
    const std::pair<std::string_view, std::string_view> rows[] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
    };
    for (const auto& [plain, text] : rows) {
        const std::vector<uint8_t> bytes(plain.begin(), plain.end());
        CHECK(to_base64(bytes) == text);
        CHECK(from_base64(text) == bytes);
    }
}

TEST_CASE("what is no base64") {
    for (const std::string_view text : {"Zg", "Zg=", "Z===", "====", "Zm9v\n", "Zm 9",
                                        "Zh==", "Zm9=", "Zg==Zg==", "Zm-_", "\xff\xff\xff\xff"}) {
        CAPTURE(text);
        CHECK(!from_base64(text));
    }
}

TEST_CASE("all bytes, all lengths") {
    std::vector<uint8_t> bytes;
    for (int i = 0; i < 600; ++i) {
        CHECK(from_base64(to_base64(bytes)) == bytes);
        bytes.push_back(static_cast<uint8_t>(i * 7));
    }
}
