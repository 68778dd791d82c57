// By libcrypto.
#include "common/hmac.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

namespace rehome {

std::array<uint8_t, 32> hmac_sha256(std::span<const uint8_t> key,
                                    std::span<const uint8_t> message) {
    std::array<uint8_t, 32> digest{};
    unsigned length = 0;
    HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), message.data(), message.size(),
         digest.data(), &length);
    return digest;
}

bool same_digest(std::span<const uint8_t> one, std::span<const uint8_t> other) {
    return one.size() == other.size() && CRYPTO_memcmp(one.data(), other.data(), one.size()) == 0;
}

}  // namespace rehome
