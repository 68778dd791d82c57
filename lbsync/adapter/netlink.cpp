#include "lbsync/adapter/netlink.h"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_hook.h>
#include <net/if.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <functional>
#include <memory>
#include <set>
#include <span>

#include <fmt/format.h>

#include "lbsync/kernel/decode.h"
#include "lbsync/kernel/flow.h"

namespace rehome::lbsync {

namespace {

using kernel::decode;
using kernel::Decoded;
using kernel::Part;
using kernel::Ruleset;

using Span = std::span<const std::byte>;
using Answer = std::function<void(uint8_t family, Span attributes)>;  // called for each

struct Closer {
    void operator()(mnl_socket* socket) const { mnl_socket_close(socket); }
};
using Socket = std::unique_ptr<mnl_socket, Closer>;

Result<Socket> open_netfilter() {
    Socket socket(mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC));
    if (!socket || mnl_socket_bind(socket.get(), 0, MNL_SOCKET_AUTOPID) < 0) {
        return fail(Exit::world, "netlink", std::strerror(errno));
    }
    // A kernel that stops in the middle of a dump shall not hold us for ever.
    constexpr timeval longest{10, 0};
    setsockopt(mnl_socket_get_fd(socket.get()), SOL_SOCKET, SO_RCVTIMEO, &longest, sizeof longest);
    return socket;
}

// One request, with attributes of text and numbers.
class Request {
public:
    Request(int subsystem, int message, uint8_t family, uint16_t flags)
        : head_(mnl_nlmsg_put_header(buffer_.data())) {
        head_->nlmsg_type = static_cast<uint16_t>(subsystem << 8 | message);
        head_->nlmsg_flags = static_cast<uint16_t>(NLM_F_REQUEST | flags);
        auto* net = static_cast<nfgenmsg*>(mnl_nlmsg_put_extra_header(head_, sizeof(nfgenmsg)));
        net->nfgen_family = family;
        net->version = NFNETLINK_V0;
    }

    void text(uint16_t number, const std::string& value) {
        mnl_attr_put_check(head_, buffer_.size(), number, value.size() + 1, value.c_str());
    }
    void number(uint16_t number, uint32_t value) {
        const uint32_t wire = htonl(value);
        mnl_attr_put_check(head_, buffer_.size(), number, sizeof wire, &wire);
    }

    nlmsghdr* head() { return head_; }
    bool is_dump() const { return (head_->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP; }

private:
    std::vector<char> buffer_ = std::vector<char>(2048);
    nlmsghdr* head_;
};

int hand_on(const nlmsghdr* head, void* answer) {
    constexpr size_t front = MNL_ALIGN(sizeof(nfgenmsg));
    const size_t length = mnl_nlmsg_get_payload_len(head);
    if (length >= front) {
        const auto* net = static_cast<const nfgenmsg*>(mnl_nlmsg_get_payload(head));
        const auto* first = reinterpret_cast<const std::byte*>(net) + front;
        (*static_cast<Answer*>(answer))(net->nfgen_family, {first, length - front});
    }
    return MNL_CB_OK;
}

// Sends it and takes what comes: the kernel's error (errno), 0 for none.
int ask(mnl_socket* socket, Request request, Answer answer) {
    static unsigned sequence = 0;
    request.head()->nlmsg_seq = ++sequence;
    if (mnl_socket_sendto(socket, request.head(), request.head()->nlmsg_len) < 0) {
        return errno;
    }
    std::vector<char> buffer(256u << 10);
    while (true) {
        const auto length = mnl_socket_recvfrom(socket, buffer.data(), buffer.size());
        if (length < 0) {
            return errno;
        }
        const int more = mnl_cb_run(buffer.data(), static_cast<size_t>(length), sequence,
                                    mnl_socket_get_portid(socket), hand_on, &answer);
        if (more <= MNL_CB_STOP || !request.is_dump()) {
            return more == MNL_CB_ERROR ? errno : 0;
        }
    }
}

Part part(Decoded decoded) {
    return {std::move(decoded.node), std::move(decoded.unknown)};
}

// Reads one kind after another; what is said of a table that is not there means that it has gone
// meanwhile, which the generation tells.
class Reading {
public:
    explicit Reading(mnl_socket* socket) : socket_(socket) {}

    // The kernel's error; 0 for none.
    int read() {
        const auto steps = {&Reading::tables,    &Reading::chains,   &Reading::rules,
                            &Reading::sets,      &Reading::elements, &Reading::objects,
                            &Reading::flowtables};
        for (const auto step : steps) {
            if (const int error = (this->*step)(); error != 0) {
                return error;
            }
        }
        return 0;
    }

    Ruleset take() { return std::move(ruleset_); }

private:
    int dump(int message, std::string_view group,
             const std::function<void(kernel::Table&, Part)>& keep) {
        return ask(socket_, Request(NFNL_SUBSYS_NFTABLES, message, NFPROTO_UNSPEC, NLM_F_DUMP),
                   [&](uint8_t family, Span attributes) {
                       Part it = part(decode(group, attributes));
                       if (kernel::Table* table = find(family, it.node.text("table"))) {
                           keep(*table, std::move(it));
                       }
                   });
    }

    kernel::Table* find(uint8_t family, const std::string& name) {
        const auto found =
            std::find_if(ruleset_.tables.begin(), ruleset_.tables.end(), [&](const auto& table) {
                return table.family == kernel::family_name(family) && table.name() == name;
            });
        return found == ruleset_.tables.end() ? nullptr : &*found;
    }

    int tables() {
        return ask(socket_,
                   Request(NFNL_SUBSYS_NFTABLES, NFT_MSG_GETTABLE, NFPROTO_UNSPEC, NLM_F_DUMP),
                   [&](uint8_t family, Span attributes) {
                       numbers_.push_back(family);
                       ruleset_.tables.push_back({std::string(kernel::family_name(family)),
                                                  part(decode("table", attributes)),
                                                  {},
                                                  {},
                                                  {},
                                                  {}});
                   });
    }

    int chains() {
        return dump(NFT_MSG_GETCHAIN, "chain", [](kernel::Table& table, Part it) {
            table.chains.push_back({std::move(it), {}});
        });
    }

    int rules() {
        return dump(NFT_MSG_GETRULE, "rule", [](kernel::Table& table, Part it) {
            const std::string name = it.node.text("chain");
            const auto same = [&](const auto& one) { return one.self.node.text("name") == name; };
            // The kernel tells them chain by chain, mostly in the order of the chains.
            const auto found = std::find_if(table.chains.begin(), table.chains.end(), same);
            if (found != table.chains.end()) {
                found->rules.push_back(std::move(it));
            }
        });
    }

    int sets() {
        return dump(NFT_MSG_GETSET, "set", [](kernel::Table& table, Part it) {
            table.sets.push_back({std::move(it), {}});
        });
    }

    int elements() {
        for (size_t i = 0; i < ruleset_.tables.size(); ++i) {
            for (kernel::Set& set : ruleset_.tables[i].sets) {
                if (const int error = elements_of(numbers_[i], ruleset_.tables[i].name(), set);
                    error != 0) {
                    return error;
                }
            }
        }
        return 0;
    }

    int elements_of(uint8_t family, const std::string& table, kernel::Set& set) {
        Request request(NFNL_SUBSYS_NFTABLES, NFT_MSG_GETSETELEM, family, NLM_F_DUMP);
        request.text(NFTA_SET_ELEM_LIST_TABLE, table);
        request.text(NFTA_SET_ELEM_LIST_SET, set.self.node.text("name"));
        return ask(socket_, std::move(request), [&](uint8_t, Span attributes) {
            const Decoded decoded = decode("elements", attributes);
            const auto& more = decoded.node.nodes("elements");
            set.elements.insert(set.elements.end(), more.begin(), more.end());
            auto& unknown = set.self.unknown;
            unknown.insert(unknown.end(), decoded.unknown.begin(), decoded.unknown.end());
        });
    }

    int objects() {
        return dump(NFT_MSG_GETOBJ, "object",
                    [](kernel::Table& table, Part it) { table.objects.push_back(std::move(it)); });
    }

    int flowtables() {
        return dump(NFT_MSG_GETFLOWTABLE, "flowtable", [](kernel::Table& table, Part it) {
            table.flowtables.push_back(std::move(it));
        });
    }

    mnl_socket* socket_;
    Ruleset ruleset_;
    std::vector<uint8_t> numbers_;  // the families of the tables
};

// The order in which the kernel runs what hooks one place.
class Hooks {
public:
    Hooks(mnl_socket* socket, const Ruleset& ruleset) : socket_(socket), ruleset_(ruleset) {}

    // None: this kernel does not tell.
    std::optional<std::vector<kernel::HookOrder>> read() {
        if (!one("ip", NFPROTO_IPV4, NF_INET_PRE_ROUTING, "")) {
            return {};
        }
        for (uint32_t hook = NF_INET_PRE_ROUTING + 1; hook <= NF_INET_POST_ROUTING; ++hook) {
            one("ip", NFPROTO_IPV4, hook, "");
        }
        for (uint32_t hook = NF_INET_PRE_ROUTING; hook <= NF_INET_POST_ROUTING; ++hook) {
            one("ip6", NFPROTO_IPV6, hook, "");
            one("bridge", NFPROTO_BRIDGE, hook, "");
            one("arp", NFPROTO_ARP, hook, "");
        }
        for (const auto& [index, name] : ruleset_.interfaces) {
            one("netdev", NFPROTO_NETDEV, NF_NETDEV_INGRESS, name);
            one("netdev", NFPROTO_NETDEV, NF_NETDEV_EGRESS, name);
        }
        return std::move(orders_);
    }

private:
    bool one(std::string_view family, uint8_t number, uint32_t hook, const std::string& device) {
        kernel::HookOrder order{std::string(family), hook, device, {}};
        Request request(NFNL_SUBSYS_HOOK, NFNL_MSG_HOOK_GET, number, NLM_F_DUMP);
        request.number(NFNLA_HOOK_HOOKNUM, hook);
        if (!device.empty()) {
            request.text(NFNLA_HOOK_DEV, device);
        }
        const int error = ask(socket_, std::move(request), [&](uint8_t, Span attributes) {
            const Decoded decoded = decode("hook_entry", attributes);
            const kernel::Node* info = decoded.node.node("chain_info");
            const kernel::Node* chain = info == nullptr ? nullptr : info->node("desc");
            if (chain != nullptr) {
                const auto of = static_cast<uint8_t>(chain->number("family"));
                order.chains.push_back({std::string(kernel::family_name(of)), chain->text("table"),
                                        chain->text("name")});
            }
        });
        if (error == 0) {
            orders_.push_back(std::move(order));
        }
        return error == 0;
    }

    mnl_socket* socket_;
    const Ruleset& ruleset_;
    std::vector<kernel::HookOrder> orders_;
};

std::map<uint32_t, std::string> read_interfaces() {
    std::map<uint32_t, std::string> interfaces;
    const std::unique_ptr<struct if_nameindex, decltype(&if_freenameindex)> all(if_nameindex(),
                                                                                if_freenameindex);
    for (const auto* it = all.get(); it != nullptr && it->if_index != 0; ++it) {
        interfaces[it->if_index] = it->if_name;
    }
    return interfaces;
}

Result<uint32_t> generation_of(mnl_socket* socket) {
    uint32_t generation = 0;
    const int error = ask(socket, Request(NFNL_SUBSYS_NFTABLES, NFT_MSG_GETGEN, NFPROTO_UNSPEC, 0),
                          [&](uint8_t, Span attributes) {
                              generation = static_cast<uint32_t>(
                                  kernel::decode("generation", attributes).node.number("id"));
                          });
    if (error != 0) {
        return fail(Exit::world, "netlink",
                    fmt::format("nf_tables' generation: {}", std::strerror(error)));
    }
    return generation;
}

}  // namespace

Result<uint32_t> kernel_generation() {
    return open_netfilter().and_then(
        [](const Socket& socket) { return generation_of(socket.get()); });
}

Result<Ruleset> read_kernel() {
    auto socket = open_netfilter();
    if (!socket) {
        return tl::unexpected(socket.error());
    }
    constexpr int tries = 5;
    int error = 0;
    for (int i = 0; i < tries; ++i) {
        const auto before = generation_of(socket->get());
        if (!before) {
            return tl::unexpected(before.error());
        }
        Reading reading(socket->get());
        error = reading.read();
        const auto after = generation_of(socket->get());
        if (error == 0 && after && *before == *after) {
            Ruleset ruleset = reading.take();
            ruleset.generation = *after;
            ruleset.little_endian = std::endian::native == std::endian::little;
            ruleset.interfaces = read_interfaces();
            ruleset.hooks = Hooks(socket->get(), ruleset).read();
            return ruleset;
        }
    }
    return fail(
        Exit::world, "netlink",
        error != 0 ? std::strerror(error) : "the rule set changes faster than it can be read");
}

}  // namespace rehome::lbsync
