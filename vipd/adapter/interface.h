// A kernel network interface by name: the few attributes that a port and its twin share.
//
// By ioctl (netdevice(7)); an Error names the interface.
#pragma once

#include <cstdint>
#include <string>

#include "common/error.h"
#include "vipd/packet/mac.h"

namespace rehome::vipd {

Result<unsigned> interface_index(const std::string& name);

Result<uint16_t> interface_mtu(const std::string& name);
Result<> set_interface_mtu(const std::string& name, uint16_t mtu);

// Its combined channels (receive and send queues in pairs); 1 where it has none.
uint32_t interface_channels(const std::string& name);

// Whether it is no hardware but another kernel's, or this one's, end of something (a veth, a TAP, a
// virtual machine's): what is sent there may reach us unfinished.
bool is_virtual(const std::string& name);

Result<Mac> interface_mac(const std::string& name);
Result<> set_interface_mac(const std::string& name, const Mac& mac);

// What it answers to one of ethtool's questions that have a number for an answer (ETHTOOL_G...); 0
// where it does not know the question.
uint32_t ethtool_value_of(const std::string& name, uint32_t question);

// Has the device leave 802.1Q tags in the frames that it receives (ethtool -K IF rxvlan off): tags
// in the kernel's metadata do not come with the packets of AF_XDP.  False: it always takes them
// out.
Result<bool> keep_vlan_tags(const std::string& name);

// Up, taking every multicast frame: the kernel joins groups on the twin, which the device cannot
// know.
Result<> bring_up(const std::string& name);

}  // namespace rehome::vipd
