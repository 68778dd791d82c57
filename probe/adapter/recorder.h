// Keeps a record of a run (record.h) while it lasts, without ever holding up the sending.
//
// The rows are written by a child (record_writer.h), which was forked while the privileges were
// there.  Ten times a second what is new or changed goes to it, as far as it has room; what it
// has not, stays marked in the series and goes with the next turn, so that a slow disk costs
// nothing.  At the run's end the child is waited for as long as it goes on: what it does not take
// for 10 s is missing in the record, and counted.
//
// A record that fails (a full disk, a child that was killed) ends there, and says why; the
// measurement goes on.  Without a file name nothing is kept.  Not thread-safe.
#pragma once

#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "probe/adapter/stream.h"
#include "probe/adapter/writer_child.h"

namespace rehome::probe {

class Recorder {
public:
    // Before there is a socket.  file: empty for no record.  An error only when such a file is
    // there already; another is in error().
    static Result<Recorder> begin(const std::string& file);

    const std::string& error() const { return kept_.error; }  // why it ends early; empty: not

    // figures: what is known before the first probe, without its kinds.
    void start(const Measurement& figures, std::vector<Stream>& streams);

    Nanos next_note() const { return next_note_; }  // by the monotonic clock
    void note(std::vector<Stream>& streams, Nanos now);
    void note_clock(Nanos stepped);

    // All rows, each with its fate; nothing when no record was asked for.
    std::optional<RecordKept> settle(std::vector<Stream>& streams, Nanos wait);
    // The result, of which a record's error may change.
    void end(Measurement& measurement);

private:
    bool wanted() const { return writer_.has_value() && kept_.error.empty(); }
    void fail(const std::string& why);
    void fail_by_silence();
    bool listen(WriterChild::Limit limit);
    void listen_to_all();
    void pass_on();
    void pass_all();
    bool put_changes(uint32_t path, Stream& stream, size_t most);
    void put_streams(std::vector<Stream>& streams);
    void put_events(uint32_t path, Stream& stream);
    void put_fates(uint32_t path, Stream& stream, Nanos wait);
    void put_interfaces();
    void sync();

    RecordKept kept_{};
    std::optional<WriterChild> writer_{};
    std::string pending_{};  // for the child, whole messages
    size_t passed_ = 0;      // of pending_
    bool synced_ = false;
    size_t paths_ = 0;
    Measurement figures_{};  // as the record has them
    Nanos next_note_ = std::numeric_limits<Nanos>::max();
};

}  // namespace rehome::probe
