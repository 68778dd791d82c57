// A side of a comparison, read: a file in a format that is recognised or named, or a host.
#pragma once

#include <optional>
#include <string>

#include "common/error.h"
#include "lbsync/side/compare.h"
#include "lbsync/side/format.h"

namespace rehome::lbsync {

// name: a host ("local", "netns:NAME", "ssh:USER@HOST"), else a file's path.  format: of files;
// none: as the file looks.
Checked<side::Side> read_side(const std::string& name, std::optional<side::Format> format);

}  // namespace rehome::lbsync
