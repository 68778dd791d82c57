// Reads vipd's configuration from disk, together with the inventory that it names.
//
// A relative path of the inventory, or of the key file, is taken from the folder that the
// configuration is in.
#pragma once

#include <memory>
#include <string>

#include "common/error.h"
#include "common/vipd_config/config.h"
#include "vipd/state/key_schedule.h"

namespace rehome::vipd {

Checked<Config> read_config(const std::string& path);
// The same, with its keys read too, held against the inventory.
Checked<Config> check_config_file(const std::string& path, const Expected& expected);

// With the file's text, which says what stands in there and what is a default, and with the keys
// that it names; null: it names none.
struct ConfigFile {
    Config config;
    std::string text;
    std::shared_ptr<const Keyring> keys;
};
Checked<ConfigFile> read_config_file(const std::string& path);

}  // namespace rehome::vipd
