#include "vipd/adapter/key_file.h"

#include "common/secret_file.h"

namespace rehome::vipd {

namespace {

constexpr size_t longest = 65'536;

}  // namespace

Checked<Keyring> read_key_file(const std::string& path) {
    const auto text = read_secret_file(path, longest);
    if (!text) {
        return tl::unexpected(std::vector<Error>{text.error()});
    }
    return parse_keyring(path, *text);
}

}  // namespace rehome::vipd
