// One path's measurement: its socket, its capture, its schedule, and what became of its probes.
//
//   read      takes what came, at most a batch a queue, so that sending is not held up
//   send_due  sends what is due; slots that this host missed are skipped, not sent as a burst
//
// A TCP port rests for a time before it is used again (tcp_flow.h): a slot whose port has not
// rested is skipped too.  Times without a name are of the monotonic clock.  Not thread-safe.
#pragma once

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "probe/adapter/capture.h"
#include "probe/adapter/inbox.h"
#include "probe/adapter/probe_socket.h"
#include "probe/core/record.h"
#include "probe/core/schedule.h"
#include "probe/core/send_failure.h"

namespace rehome::probe {

class Stream {
public:
    static Result<Stream> open(const Plan& plan, const Path& path, const Route& route);

    void start(Schedule schedule) { schedule_ = std::move(schedule); }
    void stop() { stopped_ = true; }  // sends no more

    // The kernel is asked again for its way; what is another than before is noted.
    void ask_again();

    bool read(Inbox& inbox);  // false when all queues are empty
    void send_due();

    bool all_sent() const { return stopped_ || series_.next_index() >= count_; }
    // The next sending, or the end of the wait for the last answer.
    Nanos next_event() const {
        return !all_sent()          ? schedule_.due()
               : has_end_question() ? std::min(end_question(), settled())
                                    : settled();
    }
    bool finished(Nanos now) const { return all_sent() && now >= settled(); }

    int fd() const { return socket_.fd(); }
    int capture_fd() const { return capture_.fd(); }
    std::string progress() const;
    Figures figures();

    // For the record.
    PathRecord path_record();  // without its probes
    Series& series() { return series_; }
    Nanos wait() const { return wait_; }
    std::vector<RecordEvent> take_events() { return std::exchange(events_, {}); }

private:
    static constexpr size_t batch = 32;

    Stream(const Plan& plan, Binding binding, Path path, Route route, ProbeSocket socket,
           Capture capture);

    Nanos settled() const { return last_sent_ + wait_; }
    void take_packet(const Delivered& packet);
    void take_captured(const Delivered& packet);
    void take_report(const Delivered& report);
    void note_silent_neighbour();
    void take_icmp_error(const Delivered& report);
    bool has_rested(Nanos now) const;
    Room room(size_t place);
    size_t construct_due(Nanos now, std::span<ByteView, batch> packets);
    Nanos end_question() const;
    bool has_end_question() const;
    void ask_at_end();
    void send_all(std::span<const ByteView> packets, uint32_t first);
    Diagnosis diagnose_failure(int error);
    Packet packet() const;
    OwnSide own_side();
    void note(const std::string& what, const std::string& detail);

    Path path_;
    Route route_;
    Binding binding_;
    uint32_t count_;
    Nanos wait_;
    ProbeSocket socket_;
    Capture capture_;
    uint64_t secret_;
    std::unique_ptr<Flow> flow_;
    uint16_t size_;  // of a probe's IP packet
    uint8_t dscp_;
    std::vector<uint8_t> rooms_;  // of a batch of probes
    uint32_t end_questions_ = 0;
    Schedule schedule_;
    Series series_;
    std::vector<Nanos> port_used_;  // by place in the block, TCP
    bool stopped_ = false;
    std::vector<RouteChange> route_changes_;
    std::vector<RecordEvent> events_;  // since they were taken
    uint32_t events_noted_ = 0;
    Nanos last_sent_ = 0;
    Nanos longest_send_call_ = 0;
    int diagnosed_error_ = 0;  // the diagnosis holds for it until diagnosed_until_
    Nanos diagnosed_until_ = 0;
    Diagnosis diagnosis_;
};

}  // namespace rehome::probe
