#include "vipd/adapter/offloads.h"

#include <linux/ethtool.h>
#include <net/if.h>
#include <netlink/route/link.h>

#include <array>
#include <memory>
#include <utility>

#include "vipd/adapter/interface.h"
#include "vipd/adapter/netlink.h"

namespace rehome::vipd {

namespace {

struct Asked {
    uint32_t command;
    uint32_t bit;  // of the answer
    const char* name;
};

constexpr std::array merges{Asked{ETHTOOL_GGRO, ~0U, "gro"},
                            Asked{ETHTOOL_GFLAGS, ETH_FLAG_LRO, "lro"}};
constexpr std::array leaves{Asked{ETHTOOL_GTXCSUM, ~0U, "tx"}, Asked{ETHTOOL_GTSO, ~0U, "tso"},
                            Asked{ETHTOOL_GGSO, ~0U, "gso"}};

template <size_t N>
std::vector<std::string> on_at(const std::string& device, const std::array<Asked, N>& asked) {
    std::vector<std::string> on;
    for (const auto& [command, bit, name] : asked) {
        if ((ethtool_value_of(device, command) & bit) != 0) {
            on.emplace_back(name);
        }
    }
    return on;
}

// Of a veth's other end in this namespace; empty: there is none.
std::string other_end_of(const std::string& device) {
    const auto netlink = open_netlink();
    rtnl_link* found = nullptr;
    if (!netlink || rtnl_link_get_kernel(netlink->get(), 0, device.c_str(), &found) < 0) {
        return "";
    }
    const std::unique_ptr<rtnl_link, void (*)(rtnl_link*)> link(found, rtnl_link_put);
    const char* type = rtnl_link_get_type(found);
    int32_t elsewhere = 0;
    if (type == nullptr || std::string(type) != "veth" ||
        rtnl_link_get_link_netnsid(found, &elsewhere) == 0) {
        return "";
    }
    std::array<char, IF_NAMESIZE> name{};
    const int index = rtnl_link_get_link(found);
    return index > 0 && if_indextoname(static_cast<unsigned>(index), name.data()) != nullptr
               ? name.data()
               : "";
}

}  // namespace

Offloads offloads_of(const std::string& device) {
    Offloads found{on_at(device, merges), {}, other_end_of(device)};
    if (!found.other_end.empty()) {
        found.left = on_at(found.other_end, leaves);
    }
    return found;
}

}  // namespace rehome::vipd
