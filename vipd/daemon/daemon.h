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
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "common/error.h"
#include "common/vipd_config/config.h"
#include "vipd/adapter/config_file.h"
#include "vipd/adapter/control.h"
#include "vipd/adapter/dpdk.h"
#include "vipd/adapter/kernel.h"
#include "vipd/adapter/orders_file.h"
#include "vipd/adapter/reset_log.h"
#include "vipd/adapter/worker.h"
#include "vipd/state/orders_text.h"
#include "vipd/state/reload.h"
#include "vipd/state/state.h"
#include "vipd/watch/figures.h"
#include "vipd/watch/observer.h"

namespace rehome::vipd {

// A capture that somebody reads (daemon_capture.cpp).
struct Capturing {
    uint64_t id = 0;
    std::vector<std::shared_ptr<CaptureRing>> rings;  // one a worker
    int64_t to_wall_clock = 0;                        // what to add to the worker's clock
    Micros until = 0;                                 // when nobody reads it any more
    std::vector<uint8_t> file;                        // not yet handed out
    uint64_t count = 0;                               // packets at most; 0: no limit
    uint64_t written = 0;                             // packets

    uint64_t missed() const;
};

class Daemon {
public:
    // config_path is read again by a reload.
    static Result<std::unique_ptr<Daemon>> start(std::string config_path, ConfigFile file);
    ~Daemon();  // in the reverse order of start

    // Until stop_fd is readable.
    Result<> run(int stop_fd);

private:
    // A line that is being disabled: answered when the peers act on it.
    struct Draining {
        size_t line;
        Reply reply;
    };
    // An order that is answered once every worker acts on it, or is late.
    struct Ordered {
        uint64_t epoch;
        Micros deadline;
        std::function<nlohmann::json()> result;
        Reply reply;
    };
    struct Rate {
        uint64_t rx_packets = 0, tx_packets = 0;
        double rx_pps = 0, tx_pps = 0;
    };

    Daemon(std::string config_path, ConfigFile file);

    void say_how_it_begins() const;
    Result<> open_ports();
    Result<> start_workers();
    // Has the kernel's routes as the snapshot says; what fails is said, and tried again.
    void hold_prefixes();
    // One worker after the other, act in each one's thread; the first error.
    Result<> ask_all(const std::function<void(Datapath&)>& act);
    Result<> on_workers(const std::function<Result<>(Worker&)>& act);
    Result<Sums> sums();        // of all workers
    Result<Figures> figures();  // they and what else is counted
    // The worker that owns such a packet.
    Worker& owner_of(std::span<uint8_t> frame, PortIndex port);
    Result<> follow_kernel(Result<bool> changed);
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

    void command(const nlohmann::json& request, const Reply& reply);
    Result<nlohmann::json> status();
    nlohmann::json origins() const;
    Result<nlohmann::json> stats();

    // Orders, which are answered when they are in force: orders.cpp.
    void order(const std::string& name, const nlohmann::json& request, const Reply& reply);
    void share(const nlohmann::json& request, const Reply& reply);
    void relogin(const nlohmann::json& request, const Reply& reply);
    void reload(const Reply& reply);
    void line(const nlohmann::json& request, const Reply& reply);
    void confirm(const Reply& reply);
    void when_in_force(uint64_t epoch, const Reply& reply, std::function<nlohmann::json()> result);
    nlohmann::json relogin_progress() const;
    nlohmann::json orders_state() const;

    // What vipctl can see of packets and flows: daemon_see.cpp and the files named there.
    Result<nlohmann::json> see(const std::string& name, const nlohmann::json& request);
    Result<nlohmann::json> why(const nlohmann::json& request);
    Result<nlohmann::json> metrics();
    Result<nlohmann::json> flows(const nlohmann::json& request);
    Result<nlohmann::json> top(const nlohmann::json& request);
    Result<nlohmann::json> capture(const nlohmann::json& request);
    Result<nlohmann::json> start_capture(const nlohmann::json& request);
    nlohmann::json read_capture(size_t most);
    Result<nlohmann::json> stop_capture();
    Result<> observe(bool capturing);
    void stop_looking(Micros now);

    std::string config_path_;
    std::string config_text_;  // as last read
    OrdersFile orders_file_;
    State state_;
    bool told_confirmed_ = false;
    Pool pool_;
    Shared shared_;
    std::unique_ptr<Kernel> kernel_;
    std::vector<std::unique_ptr<Worker>> workers_;
    std::unique_ptr<Control> control_;
    ResetLog reset_log_;
    std::vector<Draining> draining_;
    std::vector<Ordered> ordered_;
    std::shared_ptr<const Snapshot> held_;  // by which the kernel has its routes
    std::string held_trouble_;              // why it has not; empty: it has
    uint64_t emptying_ = 0;                 // the epoch behind which the workers empty their rings
    std::vector<Rate> rates_;               // one a line
    std::optional<Capturing> capture_;
    uint64_t captures_ = 0;
    std::vector<std::shared_ptr<Top>> tops_;  // one a worker; empty: nobody asks
    Micros top_since_ = 0, top_until_ = 0;
    Micros started_ = 0;
    Micros rated_ = 0;
    uint64_t told_full_ = 0;  // FlowTableUse::full, as the log has it
};

}  // namespace rehome::vipd
