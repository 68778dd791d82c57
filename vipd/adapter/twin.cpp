// tun(4), see Documentation/networking/tuntap.rst of the kernel.
#include "vipd/adapter/twin.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <rte_mbuf.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "vipd/adapter/interface.h"

namespace rehome::vipd {

namespace {

Result<> configure(const std::string& name, const Mac& mac, uint16_t mtu) {
    const auto now = interface_mac(name);
    if (!now) {
        return tl::unexpected(now.error());
    }
    // Setting even the same address would make the kernel forget every neighbour there.
    if (*now != mac) {
        if (auto done = set_interface_mac(name, mac); !done) {
            return done;
        }
    }
    return set_interface_mtu(name, mtu);
}

// Attaches to the TAP interface of that name, which is made if it is not there.
Result<Fd> attach(const std::string& name) {
    Fd fd(open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC));
    ifreq request{};
    std::copy_n(name.begin(), std::min<size_t>(name.size(), IFNAMSIZ - 1), request.ifr_name);
    request.ifr_flags = IFF_TAP | IFF_NO_PI;
    if (fd && ioctl(fd.get(), TUNSETIFF, &request) == 0 && ioctl(fd.get(), TUNSETPERSIST, 1) == 0 &&
        ioctl(fd.get(), TUNSETOFFLOAD, 0) == 0) {
        return fd;
    }
    const std::string why = errno == EBUSY    ? "another process, such as another vipd, holds it"
                            : errno == EINVAL ? "an interface of that name is there, but is no TAP"
                                              : std::strerror(errno);
    return fail(Exit::world, name, "cannot open the TAP twin: " + why);
}

// Whether that descriptor still is of an interface of that name: it may have been deleted.
bool is_of(const Fd& kept, const std::string& name) {
    ifreq about{};
    return kept && ioctl(kept.get(), TUNGETIFF, &about) == 0 && name == about.ifr_name;
}

}  // namespace

Result<std::unique_ptr<Twin>> Twin::open(const std::string& name, const Mac& mac, uint16_t mtu,
                                         Fd kept) {
    auto fd = is_of(kept, name) ? Result<Fd>(std::move(kept)) : attach(name);
    if (!fd) {
        return tl::unexpected(fd.error());
    }
    if (auto done = configure(name, mac, mtu); !done) {
        return tl::unexpected(done.error());
    }
    if (auto up = bring_up(name); !up) {
        return tl::unexpected(up.error());
    }
    const auto index = interface_index(name);
    if (!index) {
        return tl::unexpected(index.error());
    }
    return std::unique_ptr<Twin>(new Twin(name, std::move(*fd), *index));
}

Result<> Twin::follow(const Mac& mac, uint16_t mtu, bool up) {
    const int carrier = up ? 1 : 0;
    if (ioctl(fd_.get(), TUNSETCARRIER, &carrier) != 0) {
        return fail(Exit::world, name_,
                    std::string("cannot set the twin's carrier: ") + std::strerror(errno));
    }
    return configure(name_, mac, mtu);
}

rte_mbuf* Twin::read(rte_mempool& pool) {
    rte_mbuf* packet = rte_pktmbuf_alloc(&pool);
    if (packet == nullptr) {
        return nullptr;
    }
    const auto length =
        ::read(fd_.get(), rte_pktmbuf_mtod(packet, void*), rte_pktmbuf_tailroom(packet));
    if (length <= 0) {
        rte_pktmbuf_free(packet);
        return nullptr;
    }
    packet->data_len = static_cast<uint16_t>(length);
    packet->pkt_len = static_cast<uint32_t>(length);
    return packet;
}

bool Twin::write(const rte_mbuf& packet) {
    return ::write(fd_.get(), rte_pktmbuf_mtod(&packet, const void*), packet.data_len) ==
           packet.data_len;
}

}  // namespace rehome::vipd
