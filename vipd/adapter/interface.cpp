#include "vipd/adapter/interface.h"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

namespace rehome::vipd {

namespace {

// One ioctl on an interface; doing: what it was for, for the error.
Result<> call(unsigned long request, const std::string& name, ifreq& about, const char* doing) {
    if (name.size() >= sizeof about.ifr_name)
        return fail(Exit::world, name, "interface name too long, expected at most 15 characters");
    std::copy(name.begin(), name.end(), about.ifr_name);
    about.ifr_name[name.size()] = '\0';
    const int handle = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const bool done = handle >= 0 && ioctl(handle, request, &about) == 0;
    const int error = errno;
    if (handle >= 0) close(handle);
    if (done) return {};
    return fail(Exit::world, name, std::string("cannot ") + doing + ": " + std::strerror(error));
}

}  // namespace

Result<unsigned> interface_index(const std::string& name) {
    ifreq about{};
    if (auto done = call(SIOCGIFINDEX, name, about, "find this interface"); !done)
        return tl::unexpected(done.error());
    return static_cast<unsigned>(about.ifr_ifindex);
}

Result<uint16_t> interface_mtu(const std::string& name) {
    ifreq about{};
    if (auto done = call(SIOCGIFMTU, name, about, "read the MTU"); !done)
        return tl::unexpected(done.error());
    return static_cast<uint16_t>(std::clamp(about.ifr_mtu, 0, 65535));
}

Result<> set_interface_mtu(const std::string& name, uint16_t mtu) {
    ifreq about{};
    about.ifr_mtu = mtu;
    return call(SIOCSIFMTU, name, about, "set the MTU");
}

uint32_t interface_channels(const std::string& name) {
    ethtool_channels channels{};
    channels.cmd = ETHTOOL_GCHANNELS;
    ifreq about{};
    about.ifr_data = reinterpret_cast<char*>(&channels);
    const bool known = call(SIOCETHTOOL, name, about, "count the channels").has_value();
    return known && channels.max_combined > 0 ? std::max(channels.combined_count, 1U) : 1;
}

bool is_virtual(const std::string& name) {
    constexpr std::array<std::string_view, 10> drivers{
        "veth",   "tun",   "virtio_net", "bridge",    "macvlan",
        "ipvlan", "dummy", "vif",        "hv_netvsc", "netkit"};
    ethtool_drvinfo info{};
    info.cmd = ETHTOOL_GDRVINFO;
    ifreq about{};
    about.ifr_data = reinterpret_cast<char*>(&info);
    const bool known = call(SIOCETHTOOL, name, about, "ask for the driver").has_value();
    return known && std::find(drivers.begin(), drivers.end(), std::string_view(info.driver)) !=
                        drivers.end();
}

Result<Mac> interface_mac(const std::string& name) {
    ifreq about{};
    if (auto done = call(SIOCGIFHWADDR, name, about, "read the MAC address"); !done)
        return tl::unexpected(done.error());
    Mac mac;
    std::memcpy(mac.data(), about.ifr_hwaddr.sa_data, mac.size());
    return mac;
}

Result<> set_interface_mac(const std::string& name, const Mac& mac) {
    ifreq about{};
    about.ifr_hwaddr.sa_family = ARPHRD_ETHER;
    std::memcpy(about.ifr_hwaddr.sa_data, mac.data(), mac.size());
    return call(SIOCSIFHWADDR, name, about, "set the MAC address");
}

uint32_t ethtool_value_of(const std::string& name, uint32_t question) {
    ethtool_value value{question, 0};
    ifreq about{};
    about.ifr_data = reinterpret_cast<char*>(&value);
    return call(SIOCETHTOOL, name, about, "ask for the offloads") ? value.data : 0;
}

Result<bool> keep_vlan_tags(const std::string& name) {
    const uint32_t flags = ethtool_value_of(name, ETHTOOL_GFLAGS);  // 0: a device without any
    if ((flags & ETH_FLAG_RXVLAN) == 0) {
        return true;
    }
    ethtool_value value{ETHTOOL_SFLAGS, flags & ~uint32_t{ETH_FLAG_RXVLAN}};
    ifreq about{};
    about.ifr_data = reinterpret_cast<char*>(&value);
    if (auto done = call(SIOCETHTOOL, name, about, "turn rxvlan off"); !done) {
        return false;
    }
    value = {ETHTOOL_GFLAGS, 0};
    if (auto done = call(SIOCETHTOOL, name, about, "read the offloads"); !done) {
        return tl::unexpected(done.error());
    }
    return (value.data & ETH_FLAG_RXVLAN) == 0;
}

Result<> bring_up(const std::string& name) {
    ifreq about{};
    if (auto done = call(SIOCGIFFLAGS, name, about, "read the flags"); !done) return done;
    about.ifr_flags = static_cast<short>(about.ifr_flags | IFF_UP | IFF_ALLMULTI);
    return call(SIOCSIFFLAGS, name, about, "bring it up");
}

}  // namespace rehome::vipd
