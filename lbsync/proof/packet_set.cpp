#include "lbsync/proof/packet_set.h"

#include <bdd.h>
#undef bdd_ithvar  // for C++, BuDDy renames these to others that give handles
#undef bdd_nithvar

#include <algorithm>

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

constexpr size_t node_bytes = 20;  // BuDDy's BddNode
constexpr size_t first_nodes = 1 << 18;
constexpr size_t caches_bytes = size_t{5 * 20} << 17;  // five tables of operations' results

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

bool failed() {
    constexpr unsigned between_looks_at_the_clock = 64;
    if (++running.operations % between_looks_at_the_clock == 0 && Clock::now() > running.deadline) {
        fail(fmt::format("the proof took longer than {} ms", running.limits.time.count()));
    }
    return !running.failure.empty();
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
    return failed() ? PacketSet() : PacketSet(bdd_apply(node_, other.node_, bddop_and));
}

PacketSet PacketSet::operator|(const PacketSet& other) const {
    return failed() ? PacketSet() : PacketSet(bdd_apply(node_, other.node_, bddop_or));
}

PacketSet PacketSet::operator-(const PacketSet& other) const {
    return failed() ? PacketSet() : PacketSet(bdd_apply(node_, other.node_, bddop_diff));
}

PacketSet PacketSet::operator^(const PacketSet& other) const {
    return failed() ? PacketSet() : PacketSet(bdd_apply(node_, other.node_, bddop_xor));
}

PacketSet PacketSet::operator!() const {
    return failed() ? PacketSet() : PacketSet(bdd_not(node_));
}

PacketSet PacketSet::choose(const PacketSet& condition, const PacketSet& then,
                            const PacketSet& otherwise) {
    return failed() ? PacketSet()
                    : PacketSet(bdd_ite(condition.node_, then.node_, otherwise.node_));
}

PacketSet PacketSet::for_all(const PacketSet& variables) const {
    return failed() ? PacketSet() : PacketSet(bdd_forall(node_, variables.node_));
}

PacketSet PacketSet::one() const {
    return failed() ? PacketSet() : PacketSet(bdd_satone(node_));
}

bool PacketSet::fixes(int variable, bool value) const {
    return !empty() && (*this & PacketSet::variable(variable, !value)).empty();
}

Diagrams::Diagrams(const Limits& limits) {
    const size_t memory = limits.memory_mib << 20;
    const size_t for_nodes = memory > caches_bytes ? memory - caches_bytes : 0;
    running = {
        limits, std::min(limits.nodes, for_nodes / node_bytes), Clock::now() + limits.time, 0, {}};
    const size_t start = std::min(first_nodes, std::max<size_t>(running.most_nodes, 1000));
    bdd_init(static_cast<int>(start), 1 << 17);
    bdd_error_hook(on_error);
    bdd_gbc_hook(nullptr);
    bdd_clear_error();
    bdd_setmaxnodenum(static_cast<int>(std::max(running.most_nodes, start + 1)));
    bdd_setmaxincrease(4'000'000);
    bdd_setminfreenodes(30);
}

Diagrams::~Diagrams() {
    bdd_done();
}

int Diagrams::new_variables(int count) {
    const int first = variables_;
    variables_ += count;
    if (!failed() && bdd_varnum() < variables_) {
        bdd_extvarnum(variables_ - bdd_varnum());
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
