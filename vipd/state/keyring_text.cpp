#include "vipd/state/keyring_text.h"

#include <algorithm>
#include <charconv>

#include <nlohmann/json.hpp>

#include "common/json/file.h"

namespace rehome::vipd {

namespace {

using nlohmann::json;

constexpr std::string_view schema =
#include "common/formats/vipd-keys.schema.inc"
    ;

// False: they are no such digits.
bool read_secret(const std::string& digits, FileKey& key) {
    if (digits.size() != 2 * key.secret.size()) {
        return false;
    }
    for (size_t i = 0; i < key.secret.size(); ++i) {
        const char* at = digits.data() + 2 * i;
        const auto [end, error] = std::from_chars(at, at + 2, key.secret[i], 16);
        if (error != std::errc() || end != at + 2) {
            return false;
        }
    }
    return true;
}

FileKey read_key(const json& from, const std::string& pointer, Mistakes& mistakes) {
    FileKey key{from["id"], {}};
    if (!read_secret(from["secret"], key)) {
        mistakes.add(pointer_to(pointer, "secret"),
                     "is not told here, expected 64 hexadecimal digits");
    }
    return key;
}

}  // namespace

Checked<Keyring> parse_keyring(std::string_view file, std::string_view text) {
    const auto document = parse_json(file, text, schema);
    if (!document) {
        return tl::unexpected(document.error());
    }
    Mistakes mistakes{std::string(file)};
    Keyring ring;
    for (const json& from : (*document)["keys"]) {
        const std::string pointer = pointer_to("/keys", ring.keys.size());
        const FileKey key = read_key(from, pointer, mistakes);
        const auto same_id = [&](const FileKey& other) { return other.id == key.id; };
        if (std::any_of(ring.keys.begin(), ring.keys.end(), same_id)) {
            mistakes.add(pointer_to(pointer, "id"), "is another key's, expected one of its own");
        }
        ring.keys.push_back(key);
    }
    return mistakes.none() ? Checked<Keyring>(std::move(ring)) : tl::unexpected(mistakes.take());
}

}  // namespace rehome::vipd
