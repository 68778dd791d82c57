#include "lbsync/adapter/side.h"

#include <glob.h>

#include <fmt/format.h>

#include "common/far_program.h"
#include "common/json/file.h"
#include "lbsync/adapter/host_side.h"
#include "lbsync/iptables/meaning.h"
#include "lbsync/iptables/read.h"
#include "lbsync/kernel/read.h"
#include "lbsync/services/ipvsadm.h"
#include "lbsync/services/keepalived.h"
#include "lbsync/side/kernel_policy.h"

namespace rehome::lbsync {

namespace {

using services::File;
using side::Format;
using side::Side;

// As keepalived does it: relative to the file that includes, in the order of names.
Result<std::vector<File>> included(const std::string& pattern, const std::string& from) {
    const size_t slash = from.rfind('/');
    const bool relative = !pattern.starts_with("/") && slash != from.npos;
    const std::string path = relative ? from.substr(0, slash + 1) + pattern : pattern;
    glob_t found{};
    const int failed = ::glob(path.c_str(), 0, nullptr, &found);
    std::vector<std::string> names;
    if (failed == 0) {
        names.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
    }
    ::globfree(&found);
    if (failed != 0) {
        return fail(Exit::usage, path, "no such file");
    }
    std::vector<File> files;
    for (const std::string& name : names) {
        auto text = read_file(name);
        if (!text) {
            return tl::unexpected(text.error());
        }
        files.push_back({name, std::move(*text)});
    }
    return files;
}

Checked<Side> dump_side(const std::string& name, const std::string& text,
                        std::optional<Family> family) {
    return iptables::read_dump(text, name, family).map([&](const iptables::Dump& dump) {
        return Side{name, iptables::meaning(dump, name), {}};
    });
}

// By an lbsync of its own, which ends in the empty host that the rules were loaded into.
Checked<Side> nft_side(const std::string& path) {
    const auto side =
        output_of_ours(Host{}, "lbsync", {"read", "--nft-file", path})
            .and_then([&](const std::string& text) { return kernel::parse_host_read(text, path); })
            .and_then([&](kernel::HostRead read) { return read_host(std::move(read), path); })
            .map([&](const Reading& reading) {
                return Side{path, side::kernel_policy(reading, path), {}};
            });
    if (!side) {
        // Its words name the file; that it was read by a program on this host is no news.
        return tl::unexpected(std::vector<Error>{{side.error().kind, "", side.error().what}});
    }
    return *side;
}

Checked<Side> read_as(Format format, const std::string& name, const std::string& text,
                      bool family_known) {
    const auto of_services = [&](policy::Services read) { return Side{name, {}, std::move(read)}; };
    switch (format) {
        case Format::iptables:
            return dump_side(name, text, family_known ? std::optional(Family::v4) : std::nullopt);
        case Format::ip6tables:
            return dump_side(name, text, Family::v6);
        case Format::ipvsadm:
            return services::read_ipvsadm(text, name).map(of_services);
        case Format::nft:
            return nft_side(name);
        default:
            return services::read_keepalived({name, text}, included).map(of_services);
    }
}

Checked<Side> read_file_side(const std::string& path, std::optional<Format> format) {
    const auto text = read_file(path);
    if (!text) {
        return tl::unexpected(std::vector<Error>{text.error()});
    }
    const auto known = format ? format : side::recognise(*text);
    if (!known) {
        return tl::unexpected(
            std::vector<Error>{{Exit::usage, path,
                                fmt::format("its format is not recognised: say --format, one of {}",
                                            side::format_names())}});
    }
    return read_as(*known, path, *text, format.has_value());
}

bool is_host(const std::string& name) {
    return name == "local" || name.starts_with("netns:") || name.starts_with("ssh:");
}

}  // namespace

Checked<side::Side> read_side(const std::string& name, std::optional<side::Format> format) {
    return is_host(name) ? read_host_side(name) : read_file_side(name, format);
}

}  // namespace rehome::lbsync
