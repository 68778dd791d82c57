// Reads vipd's configuration from disk, together with the inventory that it names.
//
// A relative inventory path is taken from the folder that the configuration is in.
#pragma once

#include <string>

#include "common/error.h"
#include "common/vipd_config/config.h"

namespace rehome::vipd {

Checked<Config> read_config(const std::string& path);

// With the file's text, which says what stands in there and what is a default.
struct ConfigFile {
    Config config;
    std::string text;
};
Checked<ConfigFile> read_config_file(const std::string& path);

}  // namespace rehome::vipd
