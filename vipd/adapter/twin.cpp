#include "vipd/adapter/twin.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <rte_mbuf.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "vipd/adapter/interface.h"

namespace rehome {

namespace {

Result<> trouble(const std::string& name, const char* what) {
    return fail(Exit::world, "twin " + name, std::string(what) + ": " + std::strerror(errno));
}

Result<> configure(const std::string& name, const Mac& mac, uint16_t mtu) {
    if (auto done = set_interface_mac(name, mac); !done) {
        return done;
    }
    if (auto done = set_interface_mtu(name, mtu); !done) {
        return done;
    }
    return bring_up(name);
}

}  // namespace

Result<std::unique_ptr<Twin>> Twin::open(const std::string& name, const Mac& mac, uint16_t mtu) {
    auto twin = std::unique_ptr<Twin>(new Twin);
    twin->name_ = name;
    twin->fd_ = ::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (twin->fd_ < 0) {
        return tl::unexpected(trouble(name, "cannot open /dev/net/tun").error());
    }
    ifreq request{};
    name.copy(request.ifr_name, IFNAMSIZ - 1);
    request.ifr_flags = IFF_TAP | IFF_NO_PI;
    if (::ioctl(twin->fd_, TUNSETIFF, &request) != 0) {
        return tl::unexpected(trouble(name, "cannot make the TAP interface").error());
    }
    if (::ioctl(twin->fd_, TUNSETPERSIST, 1) != 0 || ::ioctl(twin->fd_, TUNSETOFFLOAD, 0) != 0) {
        return tl::unexpected(trouble(name, "cannot make it persistent").error());
    }
    if (auto done = configure(name, mac, mtu); !done) {
        return tl::unexpected(done.error());
    }
    const auto index = interface_index(name);
    if (!index) {
        return tl::unexpected(index.error());
    }
    twin->interface_ = *index;
    return twin;
}

Twin::~Twin() {
    if (fd_ >= 0) {
        ::close(fd_);
    }
}

rte_mbuf* Twin::read(rte_mempool& pool) {
    rte_mbuf* packet = rte_pktmbuf_alloc(&pool);
    if (packet == nullptr) {
        return nullptr;
    }
    const auto length = ::read(fd_, rte_pktmbuf_mtod(packet, void*), rte_pktmbuf_tailroom(packet));
    if (length <= 0) {
        rte_pktmbuf_free(packet);
        return nullptr;
    }
    packet->data_len = static_cast<uint16_t>(length);
    packet->pkt_len = static_cast<uint32_t>(length);
    return packet;
}

bool Twin::write(const rte_mbuf& packet) {
    return ::write(fd_, rte_pktmbuf_mtod(&packet, const void*), packet.data_len) == packet.data_len;
}

}  // namespace rehome
