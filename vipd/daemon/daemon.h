// A running vipd: its ports and workers, the kernel that it follows, the control socket that it
// answers.
//
// The control thread (whoever calls run) follows netlink, answers vipctl and logs resets; the
// workers move packets.  It owns the state (state.h): what is ordered and what the workers hear
// goes in there, and the snapshots that come out are offered to each worker.  Besides they meet in
// Worker::ask and the workers' outboxes alone.  What is told of traffic is the sum of all workers.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "common/error.h"
#include "common/vipd_config/config.h"
#include "vipd/adapter/acl.h"
#include "vipd/adapter/config_file.h"
#include "vipd/adapter/control.h"
#include "vipd/adapter/dpdk.h"
#include "vipd/adapter/keeper.h"
#include "vipd/adapter/kernel.h"
#include "vipd/adapter/orders_file.h"
#include "vipd/adapter/pool.h"
#include "vipd/adapter/reset_log.h"
#include "vipd/daemon/capture.h"
#include "vipd/daemon/health.h"
#include "vipd/daemon/held_ready.h"
#include "vipd/daemon/port_states.h"
#include "vipd/daemon/top.h"
#include "vipd/daemon/workers.h"
#include "vipd/state/orders_text.h"
#include "vipd/state/reload.h"
#include "vipd/state/state.h"
#include "vipd/watch/figures.h"

namespace rehome::vipd {

class Daemon {
public:
    // config_path is read again by a reload.
    static Result<std::unique_ptr<Daemon>> start(std::string config_path, ConfigFile file);
    ~Daemon();  // in the reverse order of start

    // Until stop_fd is readable.
    Result<> run(int stop_fd);
    // This gateway does not come back: nothing is kept for another run.  While packets still flow.
    void withdraw();

    static std::vector<std::string_view> command_names();  // of the control socket

private:
    // A line that is being disabled: answered when the peers act on it.
    struct Draining {
        size_t line;
        DisableOrder order;
        std::shared_ptr<const nlohmann::json> before;  // what was in force of it
        Reply reply;
    };
    // An order that is answered once every worker acts on it, or is late.
    struct Ordered {
        uint64_t epoch;
        Micros deadline;
        std::function<nlohmann::json()> result;
        Reply reply;
    };
    // Access rules, built for the services of that configuration; access: null where they drop
    // nothing.
    struct BuiltAccess {
        std::shared_ptr<const AccessRules> rules;
        std::shared_ptr<const Access> access;
        std::shared_ptr<const Config> config;
    };
    // Flows that rules would cut are counted piece by piece, worker after worker.
    struct Counting {
        std::shared_ptr<const Access> access;
        std::function<void(const Result<uint64_t>& flows)> done;
        size_t worker = 0;
        uint64_t place = 0, flows = 0;
    };
    struct Rate {
        uint64_t rx_packets = 0, tx_packets = 0;
        double rx_pps = 0, tx_pps = 0;
    };
    struct ServiceRate {
        ServiceCounters before;
        double new_flows = 0, to_servers = 0, to_clients = 0;  // a second
    };

    Daemon(std::string config_path, ConfigFile file);

    void say_how_it_begins() const;
    void say_whom_it_trusts() const;
    // What has changed since, a line each.  by: who has just been heard.
    void say_orders(std::optional<uint32_t> by = {});
    void say_changes();
    Result<> open_ports();
    Result<> open_twins();
    void hand_to_keeper(Result<Keeper> keeper);
    void keep_routes();
    void replace_keeper();
    Result<> build_access();  // the first one, before any packet
    Result<> follow_kernel();
    Result<> start_workers();
    // Has the kernel's routes as the snapshot says; what fails is said, and tried again.
    void hold_prefixes();
    Result<Sums> sums();        // of all workers
    Result<Figures> figures();  // they and what else is counted
    // The worker that owns such a packet.
    Result<Worker*> owner_of(std::vector<uint8_t> frame, PortIndex port);
    Result<> take_from_kernel(Result<bool> changed);
    void take_outboxes();
    void every_second(Micros now);

    const Config& config() const { return *state_.snapshot()->config; }
    const Tables& tables() const { return *state_.snapshot()->tables; }
    // Offers the workers what has changed, and follows how far they are.
    void hand_out(Micros now);
    void follow_workers();
    void store_orders(bool at_once = false);
    void answer_orders(Micros now);
    void answer_draining();
    int wait_ms(Micros now) const;

    // What vipctl can ask: commands.cpp.
    struct Command;
    static std::span<const Command> commands();
    void command(const nlohmann::json& request, const Reply& reply);
    Result<nlohmann::json> status(const nlohmann::json& request);
    // Services and their servers; sums: null when some worker does not tell.
    Result<nlohmann::json> services_state(const Sums* sums);
    nlohmann::json workers_state() const;
    // sums: null when some worker does not tell.
    nlohmann::json peer_state(size_t peer, const Sums* sums) const;
    nlohmann::json line_state(size_t line, const Sums* sums) const;
    nlohmann::json prefix_state(const Prefix& prefix) const;
    nlohmann::json origins() const;
    Result<nlohmann::json> stats();
    Result<nlohmann::json> metrics();
    Result<nlohmann::json> why(const nlohmann::json& request);
    Result<nlohmann::json> explain(const nlohmann::json& request);  // explain.cpp

    // Orders, which are answered when they are in force: orders.cpp.
    void share(const nlohmann::json& request, const Reply& reply);
    void reload(const nlohmann::json& request, const Reply& reply);
    void take_file(ConfigFile file, std::shared_ptr<const Access> access, const Reply& reply);
    void confirm(const nlohmann::json& request, const Reply& reply);
    // What is disabled: disabling.cpp.
    void disable(const nlohmann::json& request, const Reply& reply);
    // Whether it may be disabled, or enabled, as it is asked for.
    Result<> may_order(const nlohmann::json& request) const;
    void take_order(const nlohmann::json& request, const Reply& reply);
    // The same of a site at all gateways, in two steps: sites.cpp.
    nlohmann::json sites() const;
    void prepare_sites(const nlohmann::json& request, const Reply& reply);
    void commit_sites(const nlohmann::json& request, const Reply& reply);
    nlohmann::json drop_sites(const nlohmann::json& request);
    void answer_disabled(uint64_t epoch, const DisableTarget& target, uint64_t id,
                         const nlohmann::json& before, const Reply& reply);
    std::string unknown_target(const nlohmann::json& request) const;
    nlohmann::json disabled_now(const DisableTarget& target) const;  // null: it is not
    nlohmann::json disabled_state() const;
    nlohmann::json sites_state() const;
    // Placement, in two steps at all gateways: placement.cpp.
    nlohmann::json gateways() const;
    nlohmann::json placement() const;
    Result<nlohmann::json> prepare_placement(const nlohmann::json& request, uint32_t uid);
    void commit_placement(const nlohmann::json& request, const Reply& reply);
    nlohmann::json drop_placement(const nlohmann::json& request);
    nlohmann::json placement_state() const;
    // Of what an order names, as it may of all gateways', that which this one does not have, or not
    // any more.
    nlohmann::json not_here(const std::set<std::string>& services,
                            const std::set<std::string>& sites) const;
    // Access rules, limits and admission, likewise: access.cpp.
    nlohmann::json access();
    nlohmann::json access_state(const Sums* sums) const;
    void prepare_access(const nlohmann::json& request, const Reply& reply);
    void commit_access(const nlohmann::json& request, const Reply& reply);
    nlohmann::json drop_access(const nlohmann::json& request);
    // Has the rules built aside for these services, or takes what is in force where that is the
    // same; then goes on with it.
    void with_access(std::shared_ptr<const AccessRules> rules, std::shared_ptr<const Config> config,
                     const Reply& reply, std::function<void(BuiltAccess)> goes_on);
    void count_some_flows();
    void when_in_force(uint64_t epoch, const Reply& reply, std::function<nlohmann::json()> result);
    nlohmann::json idle_reset_progress() const;
    nlohmann::json orders_state() const;

    std::string config_path_;
    std::string config_text_;  // as last read
    OrdersFile orders_file_;
    State state_;
    Orders said_orders_;                    // as the log has them
    std::shared_ptr<const Snapshot> said_;  // likewise
    bool told_confirmed_ = false;
    std::optional<Keeper> keeper_;  // nothing: there is none, and a restart is noticed
    Pool pool_;
    Shared shared_;
    PortStates port_states_{shared_};
    HealthChecks health_{shared_};
    std::unique_ptr<Kernel> kernel_;
    Workers workers_;
    Observers observers_{workers_};
    Captures captures_{observers_};
    Busiest busiest_{observers_};
    std::unique_ptr<Control> control_;
    ResetLog reset_log_;
    std::vector<Draining> draining_;
    std::vector<Ordered> ordered_;
    HeldReady<std::shared_ptr<const PlacementRules>> prepared_;
    HeldReady<BuiltAccess> prepared_access_;
    HeldReady<std::shared_ptr<const nlohmann::json>> prepared_sites_;  // a request of a site
    AccessBuilder access_builder_;
    std::optional<Counting> counting_;
    std::shared_ptr<const Snapshot> held_;  // by which the kernel has its routes
    std::string held_trouble_;              // why it has not; empty: it has
    uint64_t emptying_ = 0;                 // the epoch behind which the workers empty their rings
    std::vector<Rate> rates_;               // one a line
    std::vector<ServiceRate> service_rates_;  // by ServiceTable::number
    // New flows a second by the servers' numbers (tables.h), of the configuration of that digest.
    std::vector<double> server_rates_;
    std::vector<uint64_t> begun_at_;
    uint64_t begun_at_whom_ = 0;
    Micros started_ = 0;
    Micros rated_ = 0;
    uint64_t told_full_ = 0;  // FlowTableUse::full, as the log has it
};

}  // namespace rehome::vipd
