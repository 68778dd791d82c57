// Access rules in DPDK's classifier (rte_acl), and their making aside.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <thread>

#include "vipd/access/access.h"
#include "vipd/adapter/event.h"

namespace rehome::vipd {

// Of DPDK's memory, what the classifiers in force and in the making may have together, beside the
// packets'; one may have a quarter of it a family.
inline constexpr uint32_t acl_mib = 128;

// Takes as long as it takes: about 30 microseconds a rule.  Exit::usage: the rules are too many.
// Exit::world: no memory.
Result<std::shared_ptr<const Access>> make_access(std::shared_ptr<const AccessRules> rules,
                                                  const std::vector<ServiceConfig>& services);

// One at a time, in a thread of its own that gives way to others.
class AccessBuilder {
public:
    using Made = Result<std::shared_ptr<const Access>>;

    AccessBuilder() = default;
    AccessBuilder(const AccessBuilder&) = delete;
    AccessBuilder& operator=(const AccessBuilder&) = delete;
    ~AccessBuilder() { end(); }

    bool busy() const { return done_ != nullptr; }
    // Not while it is busy.  done: called by take().
    void start(std::shared_ptr<const AccessRules> rules, std::vector<ServiceConfig> services,
               std::function<void(Made)> done);
    int fd() const { return event_.fd(); }  // readable once it is made
    void take();
    void end();  // waits for what is being made, and forgets it

private:
    Event event_;
    std::thread thread_;
    std::optional<Made> made_;  // the thread's until event_ is signalled
    std::function<void(Made)> done_;
};

}  // namespace rehome::vipd
