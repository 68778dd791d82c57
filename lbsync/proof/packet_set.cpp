#include "lbsync/proof/packet_set.h"

#include <bdd.h>
#include <malloc.h>
#undef bdd_ithvar  // for C++, BuDDy renames these to others that give handles
#undef bdd_nithvar

#include <algorithm>
#include <random>

#include <fmt/format.h>

namespace rehome::lbsync::proof {

namespace {

using Clock = std::chrono::steady_clock;

// BuDDy's own state is global, and so is what belongs to it.
struct Running {
    Limits limits;
    size_t most_nodes = 0;
    Clock::time_point deadline;
    unsigned operations = 0;
    std::string failure;
};
Running running;

constexpr size_t node_bytes = 20;               // BuDDy's BddNode
constexpr size_t cache_bytes = size_t{6} * 24;  // an entry in each of its six tables of results
constexpr size_t nodes_an_entry = 4;

// The time ran out within an operation.  It goes through BuDDy's C, whose frames hold nothing that
// would have to be given back, and no operation follows.
struct Expired {};

void fail(std::string what) {
    if (running.failure.empty()) {
        running.failure = std::move(what);
    }
}

void on_error(int code) {
    if (code != BDD_NODENUM) {
        fail(fmt::format("the decision diagrams failed: {}", bdd_errstring(code)));
    } else if (running.most_nodes < running.limits.nodes) {
        fail(fmt::format("the decision diagrams outgrew {} MiB", running.limits.memory_mib));
    } else {
        fail(fmt::format("the decision diagrams outgrew {} nodes", running.limits.nodes));
    }
}

void expire() {
    fail(fmt::format("the proof took longer than {} ms", running.limits.time.count()));
}

bool failed() {
    constexpr unsigned between_looks_at_the_clock = 64;
    if (++running.operations % between_looks_at_the_clock == 0 && Clock::now() > running.deadline) {
        expire();
    }
    return !running.failure.empty();
}

void on_collection(int before, bddGbcStat*) {
    if (before == 0 && Clock::now() > running.deadline) {
        throw Expired{};
    }
}

// An operation's answer.
template <typename Operation>
int within_time(Operation operation) {
    try {
        return operation();
    } catch (const Expired&) {
        expire();
        return 0;
    }
}

// BuDDy counts a place on its stack of references before it has written it (PUSHREF), and follows
// what stands there when it collects: the stack, allocated anew with each variable, has to be zero.
void set_variables(int count) {
    constexpr int zeros = 0xff;  // what glibc fills with is the complement
    mallopt(M_PERTURB, zeros);
    within_time([&] { return bdd_setvarnum(count); });
    mallopt(M_PERTURB, 0);
}

// What an operation has answered, if it can be believed.
int believed(int node) {
    return running.failure.empty() ? node : 0;
}

}  // namespace

PacketSet::PacketSet(int node) : node_(believed(node)) {
    bdd_addref(node_);
}

PacketSet::PacketSet(const PacketSet& other) : node_(other.node_) {
    bdd_addref(node_);
}

PacketSet::~PacketSet() {
    if (node_ > 1) {
        bdd_delref(node_);
    }
}

PacketSet PacketSet::all() {
    return PacketSet(1);
}

PacketSet PacketSet::variable(int number, bool value) {
    return failed() ? PacketSet() : PacketSet(value ? bdd_ithvar(number) : bdd_nithvar(number));
}

PacketSet PacketSet::operator&(const PacketSet& other) const {
    return failed()
               ? PacketSet()
               : PacketSet(within_time([&] { return bdd_apply(node_, other.node_, bddop_and); }));
}

PacketSet PacketSet::operator|(const PacketSet& other) const {
    return failed()
               ? PacketSet()
               : PacketSet(within_time([&] { return bdd_apply(node_, other.node_, bddop_or); }));
}

PacketSet PacketSet::operator-(const PacketSet& other) const {
    return failed()
               ? PacketSet()
               : PacketSet(within_time([&] { return bdd_apply(node_, other.node_, bddop_diff); }));
}

PacketSet PacketSet::operator^(const PacketSet& other) const {
    return failed()
               ? PacketSet()
               : PacketSet(within_time([&] { return bdd_apply(node_, other.node_, bddop_xor); }));
}

PacketSet PacketSet::operator!() const {
    return failed() ? PacketSet() : PacketSet(within_time([&] { return bdd_not(node_); }));
}

PacketSet PacketSet::choose(const PacketSet& condition, const PacketSet& then,
                            const PacketSet& otherwise) {
    return failed() ? PacketSet() : PacketSet(within_time([&] {
        return bdd_ite(condition.node_, then.node_, otherwise.node_);
    }));
}

PacketSet PacketSet::for_all(const PacketSet& variables) const {
    return failed() ? PacketSet()
                    : PacketSet(within_time([&] { return bdd_forall(node_, variables.node_); }));
}

Member PacketSet::member(uint64_t seed) const {
    Member packet(static_cast<size_t>(bdd_varnum()));
    std::minstd_rand draw(static_cast<std::minstd_rand::result_type>(seed));
    for (auto bit : packet) {
        bit = draw() % 2 != 0;
    }
    for (int node = node_; node > 1;) {
        const auto variable = static_cast<size_t>(bdd_var(node));
        const int wished = packet[variable] ? bdd_high(node) : bdd_low(node);
        packet[variable] = packet[variable] == (wished != 0);
        node = packet[variable] ? bdd_high(node) : bdd_low(node);
    }
    return packet;
}

bool PacketSet::contains(const Member& packet) const {
    int node = node_;
    while (node > 1) {
        const auto variable = static_cast<size_t>(bdd_var(node));
        node = variable < packet.size() && packet[variable] ? bdd_high(node) : bdd_low(node);
    }
    return node == 1;
}

PacketSet PacketSet::one() const {
    return failed() ? PacketSet() : PacketSet(bdd_satone(node_));
}

bool PacketSet::fixes(int variable, bool value) const {
    return !empty() && (*this & PacketSet::variable(variable, !value)).empty();
}

Diagrams::Diagrams(const Limits& limits, size_t steps) {
    constexpr size_t nodes_a_step = 256;
    constexpr size_t least = 1 << 15;
    constexpr size_t at_least = 100;  // BuDDy's own, and the first variable's
    constexpr size_t most_at_first = 1 << 23;
    const size_t by_memory =
        (limits.memory_mib << 20) / (node_bytes + cache_bytes / nodes_an_entry);
    running = {limits,
               std::max(at_least, std::min(limits.nodes, by_memory)),
               Clock::now() + limits.time,
               0,
               {}};
    const size_t start =
        std::min(std::clamp(steps * nodes_a_step, least, most_at_first), running.most_nodes);
    constexpr int no_cache_yet = 1000;  // the ratio below makes it
    bdd_init(static_cast<int>(start), no_cache_yet);
    bdd_error_hook(on_error);
    bdd_gbc_hook(on_collection);
    bdd_clear_error();
    bdd_setcacheratio(nodes_an_entry);
    // BuDDy makes a prime of what it begins with, and takes no limit that is not above it.
    bdd_setmaxnodenum(std::max(static_cast<int>(running.most_nodes), bdd_getallocnum() + 1));
    bdd_setmaxincrease(4'000'000);
    bdd_setminfreenodes(30);
    // bdd_done() frees the variables of the time before once more where there were none since.
    set_variables(1);
}

Diagrams::~Diagrams() {
    bdd_done();
}

int Diagrams::new_variables(int count) {
    const int first = variables_;
    variables_ += count;
    if (!failed() && bdd_varnum() < variables_) {
        set_variables(variables_);
    }
    return first;
}

const std::string& Diagrams::failure() {
    return running.failure;
}

size_t Diagrams::nodes() {
    return static_cast<size_t>(bdd_getnodenum());
}

}  // namespace rehome::lbsync::proof
