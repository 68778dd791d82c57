// See answer_filter.h.
#include "probe/adapter/answer_filter.h"

#include <linux/filter.h>
#include <sys/socket.h>

#include "probe/core/icmp_flow.h"

namespace rehome::probe {

namespace {

using Program = std::vector<sock_filter>;

const sock_filter pass BPF_STMT(BPF_RET | BPF_K, 0xffff);
const sock_filter refuse BPF_STMT(BPF_RET | BPF_K, 0);

void want(Program& program, const sock_filter& load, uint32_t value) {
    program.insert(program.end(), {load, BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 1, 0), refuse});
}

// A 16-bit field of the message, which starts at X, within a range.
void want(Program& program, uint32_t offset, uint32_t low, uint32_t high) {
    program.insert(program.end(), {BPF_STMT(BPF_LD | BPF_H | BPF_IND, offset),
                                   BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, low, 1, 0), refuse,
                                   BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, high, 0, 1), refuse});
}

// Whether the message is in an IPv4 packet, whose header's length varies, decides what X is.
sock_filter message_at(bool behind_ipv4, uint32_t otherwise) {
    return behind_ipv4 ? sock_filter BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0)
                       : sock_filter BPF_STMT(BPF_LDX | BPF_IMM, otherwise);
}

void want_message(Program& program, const Path& path, const std::vector<uint16_t>& ports) {
    if (path.kind == Kind::icmp) {
        const uint32_t reply = path.target.address.family == Family::v6 ? 129u << 8 : 0;
        want(program, 0, reply, reply);
        want(program, 4, echo_id, echo_id);
    } else {
        want(program, 0, path.target.port, path.target.port);
        want(program, 2, ports.front(), ports.back());
    }
    program.push_back(pass);
}

bool attach(int fd, Program& program) {
    const sock_fprog filter{.len = static_cast<unsigned short>(program.size()),
                            .filter = program.data()};
    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter) == 0;
}

}  // namespace

bool filter_answers(int fd, const Path& path, const std::vector<uint16_t>& ports) {
    if (path.kind == Kind::udp) {
        return true;  // the kernel delivers by ports
    }
    Program program{message_at(path.target.address.family == Family::v4, 0)};
    want_message(program, path, ports);
    return attach(fd, program);
}

bool filter_captured(int fd, const Path& path, const std::vector<uint16_t>& ports) {
    const Address& target = path.target.address;
    const bool v4 = target.family == Family::v4;
    const auto protocol = static_cast<uint32_t>(protocol_of(path.kind, target.family));
    Program program;
    want(program, BPF_STMT(BPF_LD | BPF_B | BPF_ABS, v4 ? 9u : 6u), protocol);
    for (uint32_t word = 0; word < target.bits() / 32; ++word) {
        want(program, BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (v4 ? 12u : 8u) + word * 4),
             get<uint32_t>(target.data(), size_t{word} * 4));
    }
    program.push_back(message_at(v4, 40));
    want_message(program, path, ports);
    return attach(fd, program);
}

}  // namespace rehome::probe
