// rtnetlink's messages as values: links, with the VLAN interfaces among them.
#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <netlink/msg.h>

#include <functional>

#include "vipd/adapter/netlink.h"

namespace rehome::vipd {

namespace {

struct MessageDeleter {
    void operator()(nl_msg* message) const { nlmsg_free(message); }
};
using Message = std::unique_ptr<nl_msg, MessageDeleter>;

Message link_message(int type, int interface) {
    Message message(nlmsg_alloc_simple(type, 0));
    ifinfomsg body{};
    body.ifi_index = interface;
    nlmsg_append(message.get(), &body, sizeof body, NLMSG_ALIGNTO);
    return message;
}

struct VlanParts {
    uint32_t parent = 7;
    const char* kind = "vlan";
    uint16_t id = 100;
    uint16_t protocol = ETH_P_8021Q;
    bool other_namespace = false;
};

void put_vlan(nl_msg* message, const VlanParts& parts) {
    nla_put_u32(message, IFLA_LINK, parts.parent);
    if (parts.other_namespace) {
        nla_put_u32(message, IFLA_LINK_NETNSID, 3);
    }
    nlattr* info = nla_nest_start(message, IFLA_LINKINFO);
    nla_put_string(message, IFLA_INFO_KIND, parts.kind);
    nlattr* data = nla_nest_start(message, IFLA_INFO_DATA);
    nla_put_u16(message, IFLA_VLAN_ID, parts.id);
    nla_put_u16(message, IFLA_VLAN_PROTOCOL, htons(parts.protocol));
    nla_nest_end(message, data);
    nla_nest_end(message, info);
}

}  // namespace

TEST_CASE("links, and VLAN interfaces over them") {
    using Fill = std::function<void(nl_msg*)>;
    const auto vlan = [](VlanParts parts) {
        return Fill([parts](nl_msg* message) { put_vlan(message, parts); });
    };
    struct Row {
        const char* what;
        Fill fill;
        std::optional<VlanOf> vlan;
    };
    const Row rows[] = {
        {"a plain interface", [](nl_msg*) {}, {}},
        {"a VLAN interface", vlan({}), VlanOf{7, 100}},
        {"the last VLAN", vlan({.id = 4094}), VlanOf{7, 4094}},
        {"a priority tag's", vlan({.id = 0}), {}},
        {"of another kind", vlan({.kind = "macvlan"}), {}},
        {"802.1ad", vlan({.protocol = ETH_P_8021AD}), {}},
        {"over another namespace's interface", vlan({.other_namespace = true}), {}},
        {"a veth's peer", [](nl_msg* message) { nla_put_u32(message, IFLA_LINK, 7); }, {}},
        {"without its data",
         [](nl_msg* message) {
             nla_put_u32(message, IFLA_LINK, 7);
             nlattr* info = nla_nest_start(message, IFLA_LINKINFO);
             nla_put_string(message, IFLA_INFO_KIND, "vlan");
             nla_nest_end(message, info);
         },
         {}},
    };
    for (const Row& row : rows) {
        for (const int type : {RTM_NEWLINK, RTM_DELLINK}) {
            CAPTURE(row.what);
            const Message message = link_message(type, 9);
            row.fill(message.get());
            const auto link = parse_link(nlmsg_hdr(message.get()));
            REQUIRE(link);
            CHECK(link->interface == 9);
            CHECK(link->removed == (type == RTM_DELLINK));
            CHECK(link->vlan == row.vlan);
        }
    }
    const Message route = link_message(RTM_NEWROUTE, 9);
    CHECK_FALSE(parse_link(nlmsg_hdr(route.get())));
    Message bridge = link_message(RTM_NEWLINK, 9);
    static_cast<ifinfomsg*>(nlmsg_data(nlmsg_hdr(bridge.get())))->ifi_family = AF_BRIDGE;
    CHECK_FALSE(parse_link(nlmsg_hdr(bridge.get())));
    const Message cut(nlmsg_alloc_simple(RTM_NEWLINK, 0));
    CHECK_FALSE(parse_link(nlmsg_hdr(cut.get())));
}

}  // namespace rehome::vipd
