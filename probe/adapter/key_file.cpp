// See key_file.h.
#include "probe/adapter/key_file.h"

#include "common/secret_file.h"
#include "probe/core/stamp_key.h"

namespace rehome::probe {

Result<StampKey> read_stamp_key(const std::string& path) {
    constexpr size_t longest = 1024;
    const auto text = read_secret_file(path, longest);
    if (!text) {
        return tl::unexpected(text.error());
    }
    const auto key = parse_stamp_key(*text);
    if (!key) {
        return fail(Exit::usage, path,
                    "is no key, expected one line of 32 to 128 hexadecimal digits");
    }
    return *key;
}

}  // namespace rehome::probe
