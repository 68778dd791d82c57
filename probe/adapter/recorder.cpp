// See recorder.h.
#include "probe/adapter/recorder.h"

#include <fmt/format.h>
#include <sys/random.h>
#include <sys/utsname.h>

#include <algorithm>

#include "common/command.h"
#include "probe/adapter/own_host.h"
#include "probe/adapter/record_writer.h"
#include "probe/core/measurement_json.h"
#include "probe/core/record_schema.h"

namespace rehome::probe {

namespace {

constexpr Nanos note_every = 100'000'000;
constexpr WriterChild::Limit patience(10'000);  // with a child that does not go on
constexpr size_t most_pending = 1u << 20;       // bytes: more is not taken from the streams
constexpr size_t most_rows = 4096;              // a path and turn

std::string random_id() {
    std::array<uint8_t, 16> bits{};
    (void)!getrandom(bits.data(), bits.size(), 0);  // cannot fail for so few bytes
    return fmt::format("{:02x}", fmt::join(bits, ""));
}

}  // namespace

Result<Recorder> Recorder::begin(const std::string& file) {
    Recorder recorder;
    if (file.empty()) {
        return recorder;
    }
    recorder.kept_.file = ascii_text(file);
    auto writer =
        WriterChild::start(file, [file](const Fd& channel) { write_record(channel, file); });
    if (!writer) {
        recorder.kept_.error = writer.error().text();
        return recorder;
    }
    const auto opened = parse_word(writer->receive(patience).value_or(""));
    if (opened.letter == 'u') {
        return tl::unexpected(Error{Exit::usage, "", opened.text});
    }
    recorder.writer_ = std::move(*writer);
    if (opened.letter != 'o') {
        recorder.fail(opened.letter == 'e' ? opened.text : file + ": its writer does not begin");
    }
    return recorder;
}

void Recorder::fail(const std::string& why) {
    kept_.error = ascii_text(why);
    next_note_ = std::numeric_limits<Nanos>::max();
    pending_.clear();
    passed_ = 0;
}

// What the child has to say; false when it says nothing for so long.
bool Recorder::listen(WriterChild::Limit limit) {
    const auto bytes = writer_->receive(limit);
    const WriterWord word = parse_word(bytes.value_or(""));
    if (word.letter != 0) {
        kept_.rows = word.rows;
    }
    synced_ = synced_ || word.letter == 's';
    if (word.letter == 'e') {
        fail(word.text);
    }
    return bytes.has_value();
}

void Recorder::listen_to_all() {
    while (wanted() && listen(WriterChild::Limit(0))) {
    }
}

// What it said before it went is heard first.
void Recorder::fail_by_silence() {
    listen_to_all();
    if (wanted()) {
        fail(kept_.file + ": its writer was ended, or the disk takes nothing");
    }
}

// As much as the child has room for.
void Recorder::pass_on() {
    while (passed_ < pending_.size()) {
        const auto piece = std::string_view(pending_).substr(passed_, WriterChild::piece);
        const auto sent = writer_->send(piece);
        if (sent == WriterChild::Sent::full) {
            return;
        }
        if (sent == WriterChild::Sent::gone) {
            fail_by_silence();
            return;
        }
        passed_ += piece.size();
    }
    pending_.clear();
    passed_ = 0;
}

// The measurement is over: now the child may be waited for.
void Recorder::pass_all() {
    if (wanted() && !writer_->send_all(std::string_view(pending_).substr(passed_), patience)) {
        fail_by_silence();
    }
    pending_.clear();
    passed_ = 0;
}

// Behind it: whatever happened until then is on the disk.
void Recorder::sync() {
    synced_ = false;
    put_sync(pending_);
    pass_all();
    while (wanted() && !synced_ && listen(patience)) {
    }
    if (!synced_) {
        fail_by_silence();
    }
}

void Recorder::put_interfaces() {
    for (const auto& [index, name] : interface_names()) {
        put_interface(pending_, index, name);
    }
}

void Recorder::start(const Measurement& figures, std::vector<Stream>& streams) {
    if (!wanted()) {
        return;
    }
    paths_ = streams.size();
    figures_ = figures;
    utsname host{};
    uname(&host);
    Record head{.id = random_id(),
                .host = host.nodename,
                .program = fmt::format("probe {}", version),
                .kernel = fmt::format("{} {}", host.sysname, host.release),
                .started = figures.at,
                .seen = figures.at};
    for (Stream& stream : streams) {
        const PathRecord path = stream.path_record();
        figures_.kinds.emplace_back();
        figures_.kinds.back().path = path.path;
        figures_.kinds.back().route = path.route;
        figures_.kinds.back().flow = path.flow;
    }
    put_run(pending_, head, to_json(figures_));
    put_interfaces();
    for (uint32_t path = 0; path < streams.size(); ++path) {
        put_path(pending_, path, streams[path].path_record());
    }
    put_sync(pending_);  // what was asked is there from the begin
    pass_on();
    next_note_ = 0;
}

void Recorder::put_events(uint32_t path, Stream& stream) {
    for (RecordEvent& event : stream.take_events()) {
        event.path = path;
        put_event(pending_, event);
    }
}

// False when there are more.
bool Recorder::put_changes(uint32_t path, Stream& stream, size_t most) {
    const Series& series = stream.series();
    const std::vector<uint32_t> changes = stream.series().take_changes(most);
    for (const uint32_t index : changes) {
        const ProbeRow row{.index = index, .sample = series.samples()[index]};
        put_probe(pending_, path, paths_, row, seen_fate(series, row.sample, stream.wait()));
    }
    return changes.size() < most;
}

// `seen` comes behind the rows, and only when there are no more: until then all is there.
void Recorder::put_streams(std::vector<Stream>& streams) {
    const UnixMicros seen = now_us();
    bool all = true;
    for (uint32_t path = 0; path < streams.size(); ++path) {
        all = put_changes(path, streams[path], most_rows) && all;
        put_events(path, streams[path]);
        const PathRecord record = streams[path].path_record();
        put_path(pending_, path, record);
        auto& changes = figures_.kinds.at(path).route_changes;
        if (changes.size() != record.route_changes.size()) {
            changes = record.route_changes;
            put_figures(pending_, to_json(figures_));
        }
    }
    if (all) {
        put_seen(pending_, seen);
    }
}

void Recorder::note(std::vector<Stream>& streams, Nanos now) {
    if (!wanted() || now < next_note_) {
        return;
    }
    next_note_ = now + note_every;
    listen_to_all();
    if (wanted()) {
        pass_on();
    }
    if (wanted() && pending_.size() < most_pending) {
        put_streams(streams);
        pass_on();
    }
}

void Recorder::note_clock(Nanos stepped) {
    const double ms = static_cast<double>(stepped) / 1e6;
    constexpr double noise_ms = 0.1;  // of reading two clocks
    if (wanted() && std::abs(ms - figures_.clock.stepped_ms) > noise_ms) {
        put_event(pending_, {.at = now_us(),
                             .what = "clock",
                             .detail = fmt::format("set by {:.3f} ms since the begin", ms)});
        figures_.clock.stepped_ms = ms;
        put_figures(pending_, to_json(figures_));
    }
}

// Of those of which nothing was seen; the others have theirs already.
void Recorder::put_fates(uint32_t path, Stream& stream, Nanos wait) {
    const Series& series = stream.series();
    const std::vector<Fate> fates = fates_of(series, wait);
    for (uint32_t index = 0; index < fates.size() && wanted(); ++index) {
        const Sample& sample = series.samples()[index];
        if (!seen_fate(series, sample, wait)) {
            put_probe(pending_, path, paths_, {.index = index, .sample = sample}, fates[index]);
        }
        if (pending_.size() > most_pending) {
            pass_all();
        }
    }
}

std::optional<RecordKept> Recorder::settle(std::vector<Stream>& streams, Nanos wait) {
    uint64_t sent = 0;
    for (uint32_t path = 0; path < streams.size(); ++path) {
        Stream& stream = streams[path];
        sent += stream.series().samples().size();
        while (wanted() && !put_changes(path, stream, most_rows)) {
            pass_all();
        }
        put_fates(path, stream, wait);
        if (wanted()) {
            put_events(path, stream);
            put_path(pending_, path, stream.path_record());
        }
    }
    if (wanted()) {
        put_interfaces();
        put_seen(pending_, now_us());
        sync();
    }
    kept_.dropped = sent - std::min(sent, kept_.rows);
    return kept_.file.empty() ? std::nullopt : std::optional(kept_);
}

// The child closes the file when the channel does.
void Recorder::end(Measurement& measurement) {
    if (wanted()) {
        put_ended(pending_, measurement.ended, to_json(measurement));
        sync();
        measurement.record = kept_.error.empty() ? measurement.record : kept_;
    }
    writer_.reset();
}

}  // namespace rehome::probe
