// SHA-256 (FIPS 180-4), to tell whether a text is still the same: a journal, a playbook, a policy.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

struct evp_md_ctx_st;

namespace rehome {

using Sha256Digest = std::array<uint8_t, 32>;

// For what comes in pieces.
class Sha256 {
public:
    Sha256();
    void add(std::string_view bytes);
    Sha256Digest finish();  // once

private:
    struct Free {
        void operator()(evp_md_ctx_st* context) const;
    };
    std::unique_ptr<evp_md_ctx_st, Free> context_;
};

std::string to_hex(const Sha256Digest& digest);  // 64 hexadecimal digits, lower case

// 64 hexadecimal digits, lower case.
std::string sha256(std::string_view bytes);

// The first 64 bits of it: whether two have the same text, where nobody tries to have them collide.
uint64_t short_sha256(std::string_view bytes);

}  // namespace rehome
