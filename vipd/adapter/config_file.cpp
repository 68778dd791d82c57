#include "vipd/adapter/config_file.h"

#include <filesystem>

#include "common/json/file.h"
#include "vipd/adapter/key_file.h"

namespace rehome::vipd {

namespace {

constexpr size_t bytes_max = 256u << 20;  // 10,000 services with 100,000 servers take 10 MiB

using Parse = std::function<Checked<Config>(const std::string& text, const InventoryReader&)>;

Checked<ConfigFile> read_by(const std::string& path, const Parse& parse) {
    const auto text = read_file(path, bytes_max);
    if (!text) {
        return tl::unexpected(std::vector<Error>{text.error()});
    }
    const auto folder = std::filesystem::path(path).parent_path();
    auto config = parse(*text, [&](const std::string& inventory) {
        return read_inventory((folder / inventory).string());
    });
    if (!config) {
        return tl::unexpected(config.error());
    }
    if (config->keys.path.empty()) {
        return ConfigFile{std::move(*config), *text, nullptr};
    }
    const auto keys = read_key_file((folder / config->keys.path).string());
    if (!keys) {
        return tl::unexpected(keys.error());
    }
    return ConfigFile{std::move(*config), *text, std::make_shared<const Keyring>(*keys)};
}

}  // namespace

Checked<ConfigFile> read_config_file(const std::string& path) {
    return read_by(path, [&](const std::string& text, const InventoryReader& inventory) {
        return parse_config(path, text, inventory);
    });
}

// Whose path the operator has given is found from where the operator stands.
Checked<Config> check_config_file(const std::string& path, const Expected& expected) {
    auto file = read_by(path, [&](const std::string& text, const InventoryReader& inventory) {
        return check_config_file(
            path, text, expected.inventory.empty() ? inventory : InventoryReader(read_inventory),
            expected);
    });
    return file ? Checked<Config>(std::move(file->config)) : tl::unexpected(file.error());
}

Checked<Config> read_config(const std::string& path) {
    auto file = read_config_file(path);
    return file ? Checked<Config>(std::move(file->config)) : tl::unexpected(file.error());
}

}  // namespace rehome::vipd
