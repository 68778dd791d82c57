#include "vipd/adapter/config_file.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "vipd/adapter/key_file.h"

namespace rehome::vipd {

Checked<ConfigFile> read_config_file(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    if (!file) {
        const std::string why = errno != 0 ? std::strerror(errno) : "cannot be read";
        return tl::unexpected(std::vector<Error>{{Exit::usage, path, why}});
    }
    const auto folder = std::filesystem::path(path).parent_path();
    auto config = parse_config(path, text, [&](const std::string& inventory) {
        return read_inventory((folder / inventory).string());
    });
    if (!config) {
        return tl::unexpected(config.error());
    }
    if (config->keys.path.empty()) {
        return ConfigFile{std::move(*config), text, nullptr};
    }
    const auto keys = read_key_file((folder / config->keys.path).string());
    if (!keys) {
        return tl::unexpected(keys.error());
    }
    return ConfigFile{std::move(*config), text, std::make_shared<const Keyring>(*keys)};
}

Checked<Config> read_config(const std::string& path) {
    auto file = read_config_file(path);
    return file ? Checked<Config>(std::move(file->config)) : tl::unexpected(file.error());
}

}  // namespace rehome::vipd
