// Sets of packets, as binary decision diagrams (BuDDy).
//
// A set is a Boolean function of variables, each of which stands for one bit of a packet or of what
// is known of it; equal sets are the same diagram, so that comparing two costs nothing.
//
// BuDDy has one state in a process: at most one Diagrams lives at a time, and no other thread uses
// sets meanwhile.  It answers 0, which is the empty set, when it fails: its error is asked after
// every operation.  From the first failure or exceeded limit on, failure() says what it was, every
// operation answers the empty set at once, and nothing that was computed may be believed.  Time is
// looked at between operations, and within one whenever BuDDy collects what it does not need.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace rehome::lbsync::proof {

// What a proof may cost; whoever exceeds it is "not provable".
struct Limits {
    size_t nodes = 20'000'000;
    size_t memory_mib = 1024;  // of the diagrams
    std::chrono::milliseconds time{30'000};
};

// A packet: what each variable is, by number; those behind its end are false.
using Member = std::vector<bool>;

class PacketSet {
public:
    PacketSet() = default;  // empty
    PacketSet(const PacketSet& other);
    PacketSet(PacketSet&& other) noexcept : node_(std::exchange(other.node_, 0)) {}
    PacketSet& operator=(const PacketSet& other) {
        PacketSet copy(other);
        std::swap(node_, copy.node_);
        return *this;
    }
    PacketSet& operator=(PacketSet&& other) noexcept {
        std::swap(node_, other.node_);
        return *this;
    }
    ~PacketSet();

    static PacketSet all();
    static PacketSet variable(int number, bool value = true);

    bool empty() const { return node_ == 0; }
    bool full() const { return node_ == 1; }
    int id() const { return node_; }  // equal for equal sets, as long as they live

    PacketSet operator&(const PacketSet& other) const;
    PacketSet operator|(const PacketSet& other) const;
    PacketSet operator-(const PacketSet& other) const;
    PacketSet operator^(const PacketSet& other) const;
    PacketSet operator!() const;
    bool operator==(const PacketSet& other) const { return node_ == other.node_; }

    // This where `condition` holds, `otherwise` elsewhere.
    static PacketSet choose(const PacketSet& condition, const PacketSet& then,
                            const PacketSet& otherwise);

    // What holds whatever these variables are; `variables`: the intersection of all of them.
    PacketSet for_all(const PacketSet& variables) const;

    // Of a set that is not empty; what the set leaves open is drawn by the seed.
    Member member(uint64_t seed) const;
    bool contains(const Member& packet) const;

    // One of its members: fixes as many variables as it must.
    PacketSet one() const;
    // Whether all members have the variable set; of what one() answers: whether that is fixed so.
    bool fixes(int variable, bool value) const;

private:
    explicit PacketSet(int node);
    int node_ = 0;
};

class Diagrams {
public:
    // steps: about how many sets the proof is made of, so that small ones cost little.
    Diagrams(const Limits& limits, size_t steps);
    ~Diagrams();
    Diagrams(const Diagrams&) = delete;
    Diagrams& operator=(const Diagrams&) = delete;

    // Numbers of new variables, below all others in the order.
    int new_variables(int count);

    // Empty as long as all can be believed.
    static const std::string& failure();
    static size_t nodes();

private:
    int variables_ = 0;
};

}  // namespace rehome::lbsync::proof
