// A record as pcapng (draft-ietf-opsawg-pcapng), in the host's order, times in ns, packets by time.
//
//   section header   a comment that says what this is: reconstructed, no capture
//   interfaces       link type RAW (101): packets begin with IP; 0 is "not known"
//   packets          enhanced packet blocks: packets.h tells what is known of them.  A probe that
//   is
//                    longer than what is known of it is cut (captured less than original length)
#include <fmt/format.h>

#include <array>
#include <queue>

#include "probe/report/escape.h"
#include "probe/report/packets.h"
#include "probe/report/raw.h"
#include "probe/report/raw_rows.h"

namespace rehome::probe {

namespace {

constexpr uint16_t raw_link = 101;
constexpr size_t packets_a_piece = 4096;

// The order of bytes is the host's, which a reader sees by the section's first number.
template <std::integral Number>
void add(std::string& out, Number number) {
    out.append(reinterpret_cast<const char*>(&number), sizeof number);
}

void pad(std::string& out, size_t size) {
    out.append((4 - size % 4) % 4, '\0');
}

void add_option(std::string& out, uint16_t code, std::string_view value) {
    add(out, code);
    add(out, static_cast<uint16_t>(value.size()));
    out += value;
    pad(out, value.size());
}

// A block's length stands at both of its ends.
void add_block(std::string& out, uint32_t type, std::string_view body) {
    const auto length = static_cast<uint32_t>(body.size() + 12);
    add(out, type);
    add(out, length);
    out += body;
    add(out, length);
}

std::string comment_of(const Record& record) {
    return fmt::format(
        "Reconstructed from the record of run {} (carrier {}, host {}, {}): no capture. Times, "
        "interfaces, sizes, DSCP and the TTL of answers are as recorded; probes are constructed "
        "as they were sent, but for TTL (64) and identification (0), with a key the headers alone; "
        "of answers what is "
        "not recorded is 0 (a target's sequence number and window, a reflector's times, DSCP).",
        plain(record.id), plain(record.plan.carrier), plain(record.host), plain(record.program));
}

void add_section(const Record& record, std::string& out) {
    std::string body;
    add(body, uint32_t{0x1a2b3c4d});
    add(body, uint16_t{1});
    add(body, uint16_t{0});
    add(body, int64_t{-1});  // its length is not told
    add_option(body, 1, comment_of(record));
    add_option(body, 4, plain(record.program));
    add_option(body, 0, "");
    add_block(out, 0x0a0d0d0a, body);
}

void add_interface(const std::string& name, std::string& out) {
    std::string body;
    add(body, raw_link);
    add(body, uint16_t{0});
    add(body, uint32_t{0});  // no limit of its own
    add_option(body, 2, plain(name));
    add_option(body, 9, "\x09");  // nanoseconds
    add_option(body, 0, "");
    add_block(out, 1, body);
}

struct Event {
    Nanos at = 0;
    size_t path = 0;
    size_t row = 0;
    bool answer = false;

    bool operator>(const Event& other) const {
        return std::tie(at, path, row, answer) >
               std::tie(other.at, other.path, other.row, other.answer);
    }
};

class Pcapng final : public RawData {
public:
    explicit Pcapng(const Record& record) : record_(record) {
        uint32_t number = 0;
        for (const auto& [index, name] : record.interfaces) {
            interfaces_[index] = ++number;
        }
        for (size_t i = 0; i < record.paths.size(); ++i) {
            packets_.emplace_back(record.plan, record.paths[i]);
            push_probe(i, 0);
        }
    }

    bool add_piece(std::string& out) override {
        if (!begun_) {
            begin(out);
        }
        for (size_t i = 0; i < packets_a_piece; ++i) {
            if (events_.empty()) {
                return false;
            }
            const Event event = events_.top();
            events_.pop();
            add_packet(event, out);
        }
        return true;
    }

private:
    void begin(std::string& out) {
        begun_ = true;
        add_section(record_, out);
        add_interface("not known", out);
        for (const auto& [index, name] : record_.interfaces) {
            add_interface(name, out);
        }
    }

    // The next one from there on that left this host.
    void push_probe(size_t path, size_t row) {
        const auto& probes = record_.paths[path].probes;
        while (row < probes.size() && !is_sent(probes[row].fate)) {
            ++row;
        }
        if (row < probes.size()) {
            events_.push({probes[row].sample.departed(), path, row, false});
        }
    }

    void add_packet(const Event& event, std::string& out) {
        const ProbeRow& row = record_.paths[event.path].probes[event.row];
        Packets& packets = packets_[event.path];
        if (event.answer) {
            add_bytes(event.at, row.sample.in, packets.answer(row), 0, out);
            return;
        }
        add_bytes(event.at, row.sample.out, packets.probe(row), row.sample.size, out);
        if (const auto answered = answered_at(row)) {
            events_.push({*answered, event.path, event.row, true});
        }
        push_probe(event.path, event.row + 1);
    }

    void add_bytes(Nanos at, uint32_t interface, ByteView bytes, size_t original,
                   std::string& out) const {
        const auto number = interfaces_.find(interface);
        const auto length = static_cast<uint32_t>(32 + (bytes.size() + 3) / 4 * 4);
        const std::array<uint32_t, 7> head{6,
                                           length,
                                           number == interfaces_.end() ? 0U : number->second,
                                           static_cast<uint32_t>(static_cast<uint64_t>(at) >> 32),
                                           static_cast<uint32_t>(at),
                                           static_cast<uint32_t>(bytes.size()),
                                           static_cast<uint32_t>(std::max(bytes.size(), original))};
        out.append(reinterpret_cast<const char*>(head.data()), sizeof head);
        out.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
        pad(out, bytes.size());
        add(out, length);
    }

    const Record& record_;
    std::map<uint32_t, uint32_t> interfaces_;  // their numbers here
    std::vector<Packets> packets_;
    std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
    bool begun_ = false;
};

}  // namespace

std::unique_ptr<RawData> raw_pcapng(const Record& record) {
    return std::make_unique<Pcapng>(record);
}

}  // namespace rehome::probe
