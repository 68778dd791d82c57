// Fuzzes the reading of ipvsadm's lines and of keepalived's files, which include each other
// (libFuzzer, ASan, UBSan).
//
// Whatever the text, it is refused with mistakes that have a place, or taken: what ipvsadm's reader
// took is printed and read as the same, and services compared with themselves are equal.

#include "lbsync/services/difference.h"
#include "lbsync/services/ipvsadm.h"
#include "lbsync/services/keepalived.h"
#include "tests/fuzz/must.h"

namespace rehome::lbsync::services {

namespace {

void check_mistakes(const std::vector<Error>& mistakes) {
    must(!mistakes.empty());
    for (const Error& mistake : mistakes) {
        must(mistake.kind == Exit::usage && mistake.where.starts_with("f"));
    }
}

void check_services(const policy::Services& services) {
    must(differences(services, services).services.empty());
}

void check_ipvsadm(std::string_view text) {
    const auto services = read_ipvsadm(text, "f");
    if (!services) {
        return check_mistakes(services.error());
    }
    check_services(*services);
    const std::string printed = print_ipvsadm(*services);
    const auto again = read_ipvsadm(printed, "f");
    must(again && print_ipvsadm(*again) == printed);
}

// The text in two files: each pattern names the one behind the first empty line, or itself.
void check_keepalived(std::string_view text) {
    const size_t cut = std::min(text.find("\n\n"), text.size());
    const File first{"f", std::string(text.substr(0, cut))};
    const File second{"f2", std::string(text.substr(cut))};
    const Include files = [&](const std::string& pattern,
                              const std::string&) -> Result<std::vector<File>> {
        return std::vector<File>{pattern == "f" ? first : second};
    };
    const auto services = read_keepalived(first, files);
    if (services) {
        check_services(*services);
    } else {
        check_mistakes(services.error());
    }
}

}  // namespace

}  // namespace rehome::lbsync::services

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    rehome::lbsync::services::check_ipvsadm(text);
    rehome::lbsync::services::check_keepalived(text);
    return 0;
}
