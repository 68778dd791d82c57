// The relay between two interfaces: what comes in at one leaves by the other, when its fate says
// so.
//
// Frames wait in a heap ordered by release time; the loop sleeps until the next release, a frame or
// a word on the control socket.  Releases within slack_ns go out together, which bounds the rate of
// wake-ups.  One thread.
//
// Control: a SOCK_SEQPACKET UNIX socket; one packet in ("" to show, or settings separated by
// blanks), one packet out (JSON, or "error: ...").
#pragma once

#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <ctime>
#include <memory>
#include <queue>
#include <sstream>

#include "common/stop_signal.h"
#include "tests/lab/wire_record.h"

namespace rehome::lab {

inline int64_t monotonic_ns() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1'000'000'000 + now.tv_nsec;
}

struct Counters {
    uint64_t received = 0;
    uint64_t sent = 0;
    std::array<uint64_t, 4> lost{};  // by Cause
    uint64_t duplicated = 0;
    uint64_t reordered = 0;
    uint64_t refused = 0;  // the interface would not take it
};

inline std::string to_json(const Impairments& set, const std::array<Counters, 2>& counted) {
    std::string json = R"({"schema":"rehome/lab-wire/1")";
    for (size_t i = 0; i < 2; ++i) {
        const Impairment& s = set[i];
        const Counters& c = counted[i];
        json += fmt::format(
            R"(,"{}":{{"delay_ms":{},"jitter_ms":{},"loss":{},"burst":{},"burst_length":{},)"
            R"("burst_loss":{},"duplicate":{},"reorder":{},"reorder_by_ms":{},"packets":{{)"
            R"("received":{},"sent":{},"lost":{},"lost_in_bursts":{},"overflow":{},)"
            R"("duplicated":{},"reordered":{},"refused":{}}}}})",
            direction_names[i], static_cast<double>(s.delay_ns) / 1e6,
            static_cast<double>(s.jitter_ns) / 1e6, s.loss, s.burst, s.burst_length, s.burst_loss,
            s.duplicate, s.reorder, static_cast<double>(s.reorder_by_ns) / 1e6, c.received, c.sent,
            c.lost[1], c.lost[2], c.lost[3], c.duplicated, c.reordered, c.refused);
    }
    return json + "}";
}

// A raw socket that sees what comes in at an interface, and nothing that we send there.
inline Result<Fd> open_interface(const std::string& name) {
    const unsigned index = if_nametoindex(name.c_str());
    if (index == 0) {
        return fail(Exit::usage, name, "no such interface");
    }
    Fd fd(socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    const int on = 1;
    const int room = 8 << 20;
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_protocol = htons(ETH_P_ALL);
    address.sll_ifindex = static_cast<int>(index);
    if (!fd || setsockopt(fd.get(), SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on) != 0 ||
        setsockopt(fd.get(), SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof on) != 0 ||
        setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room) != 0 ||
        setsockopt(fd.get(), SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room) != 0 ||
        bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
        return fail(Exit::world, name, std::strerror(errno));
    }
    return fd;
}

class Relay {
public:
    // ends: the clients' side, the carrier's side.
    Relay(std::array<Fd, 2> ends, Fd control, StopSignal stop, RecordFile records, uint64_t seed,
          const Impairments& impairments)
        : ends_(std::move(ends)),
          control_(std::move(control)),
          stop_(std::move(stop)),
          records_(std::move(records)),
          impairments_(impairments),
          impairers_{Impairer(seed), Impairer(~seed)} {}

    // Until SIGTERM or SIGINT.
    Result<> run() {
        for (;;) {
            std::array<pollfd, 5> polled{{{ends_[0].get(), POLLIN, 0},
                                          {ends_[1].get(), POLLIN, 0},
                                          {stop_.fd(), POLLIN, 0},
                                          {control_.get(), POLLIN, 0},
                                          {client_.get(), POLLIN, 0}}};
            const timespec wait = until_next();
            if (ppoll(polled.data(), polled.size(), &wait, nullptr) < 0 && errno != EINTR) {
                return fail(Exit::world, "ppoll", std::strerror(errno));
            }
            for (uint8_t direction = 0; direction < 2; ++direction) {
                if (polled[direction].revents) receive(direction);
            }
            release();
            if (polled[3].revents)
                client_ =
                    Fd(accept4(control_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
            if (polled[4].revents) answer();
            if (auto noted = note(); !noted) return noted;
            if (polled[2].revents) return records_.flush();
        }
    }

private:
    static constexpr int64_t slack_ns = 50'000;
    static constexpr int64_t flush_every_ns = 500'000'000;
    static constexpr size_t most_waiting = 1 << 16;
    static constexpr size_t frame_room = 2048;
    static constexpr size_t burst = 32;
    using Frame = std::array<uint8_t, frame_room>;

    struct Waiting {
        int64_t release_ns;
        uint64_t number;  // keeps the order of equals
        std::unique_ptr<Frame> frame;
        uint16_t length;
        uint8_t direction;
    };
    static bool later(const Waiting& a, const Waiting& b) {
        return a.release_ns != b.release_ns ? a.release_ns > b.release_ns : a.number > b.number;
    }

    timespec until_next() const {
        int64_t wait = flush_every_ns;
        if (!waiting_.empty()) {
            wait = std::clamp<int64_t>(waiting_.front().release_ns - monotonic_ns(), 0, wait);
        }
        return {wait / 1'000'000'000, wait % 1'000'000'000};
    }

    std::unique_ptr<Frame> fresh_frame() {
        if (spare_.empty()) {
            return std::make_unique<Frame>();
        }
        auto frame = std::move(spare_.back());
        spare_.pop_back();
        return frame;
    }

    // Takes at most a burst, so that neither direction starves the other.
    void receive(uint8_t direction) {
        std::array<mmsghdr, burst> messages{};
        std::array<iovec, burst> parts{};
        std::array<std::unique_ptr<Frame>, burst> frames;
        for (size_t i = 0; i < burst; ++i) {
            frames[i] = fresh_frame();
            parts[i] = {frames[i]->data(), frame_room};
            messages[i].msg_hdr.msg_iov = &parts[i];
            messages[i].msg_hdr.msg_iovlen = 1;
        }
        const int count = recvmmsg(ends_[direction].get(), messages.data(), burst, 0, nullptr);
        const int64_t now = monotonic_ns();
        for (size_t i = 0; i < burst; ++i) {
            if (static_cast<int>(i) < count) {
                arrive(direction, std::move(frames[i]), messages[i].msg_len, now);
            } else {
                spare_.push_back(std::move(frames[i]));
            }
        }
    }

    void arrive(uint8_t direction, std::unique_ptr<Frame> frame, size_t length, int64_t now) {
        const auto bytes = std::span<const uint8_t>(*frame).first(std::min(length, frame_room));
        Record record = describe(bytes);
        Fate fate = impairers_[direction].decide(impairments_[direction], now, flow_of(record),
                                                 !is_ipv4(bytes));
        if (waiting_.size() >= most_waiting || length > frame_room) {
            fate.lost = Cause::overflow;
        }
        count(direction, fate);
        record.time_us = now_us();
        record.direction = direction;
        record.lost = static_cast<uint8_t>(fate.lost);
        record.duplicated = fate.duplicated;
        record.reordered = fate.reordered;
        record.hold_us = static_cast<uint32_t>((fate.release_ns - now) / 1000);
        records_.add(record);
        if (fate.lost != Cause::none) {
            spare_.push_back(std::move(frame));
            return;
        }
        if (fate.duplicated) {
            auto copy = fresh_frame();
            std::copy(bytes.begin(), bytes.end(), copy->begin());
            wait(fate.release_ns, std::move(copy), length, direction);
        }
        wait(fate.release_ns, std::move(frame), length, direction);
    }

    void count(uint8_t direction, const Fate& fate) {
        Counters& counters = counters_[direction];
        ++counters.received;
        counters.lost[static_cast<size_t>(fate.lost)] += fate.lost != Cause::none;
        counters.duplicated += fate.duplicated && fate.lost == Cause::none;
        counters.reordered += fate.reordered && fate.lost == Cause::none;
    }

    void wait(int64_t release_ns, std::unique_ptr<Frame> frame, size_t length, uint8_t direction) {
        waiting_.push_back(
            {release_ns, number_++, std::move(frame), static_cast<uint16_t>(length), direction});
        std::push_heap(waiting_.begin(), waiting_.end(), later);
    }

    // Sends what is due, a burst a call.
    void release() {
        const int64_t due = monotonic_ns() + slack_ns;
        std::array<std::vector<Waiting>, 2> out;
        while (!waiting_.empty() && waiting_.front().release_ns <= due) {
            std::pop_heap(waiting_.begin(), waiting_.end(), later);
            const uint8_t direction = waiting_.back().direction;
            out[direction].push_back(std::move(waiting_.back()));
            waiting_.pop_back();
            if (out[direction].size() == burst) send(direction, out[direction]);
        }
        send(0, out[0]);
        send(1, out[1]);
    }

    void send(uint8_t direction, std::vector<Waiting>& frames) {
        std::array<mmsghdr, burst> messages{};
        std::array<iovec, burst> parts{};
        for (size_t i = 0; i < frames.size(); ++i) {
            parts[i] = {frames[i].frame->data(), frames[i].length};
            messages[i].msg_hdr.msg_iov = &parts[i];
            messages[i].msg_hdr.msg_iovlen = 1;
        }
        size_t done = 0;
        while (done < frames.size()) {
            const int count = sendmmsg(ends_[1 - direction].get(), &messages[done],
                                       static_cast<unsigned>(frames.size() - done), 0);
            counters_[direction].sent += count > 0 ? static_cast<uint64_t>(count) : 0;
            counters_[direction].refused += count <= 0;
            done += count > 0 ? static_cast<size_t>(count) : 1;
        }
        for (Waiting& frame : frames) {
            spare_.push_back(std::move(frame.frame));
        }
        frames.clear();
    }

    void answer() {
        std::array<char, 4096> request{};
        const ssize_t length = recv(client_.get(), request.data(), request.size(), 0);
        if (length >= 0) {
            std::istringstream words(std::string(request.data(), static_cast<size_t>(length)));
            std::vector<std::string> settings;
            for (std::string word; words >> word;) {
                settings.push_back(word);
            }
            const auto set = apply_settings(impairments_, settings);
            const std::string reply =
                set ? to_json(impairments_, counters_) : "error: " + set.error().text();
            ::send(client_.get(), reply.data(), reply.size(), MSG_NOSIGNAL);
        }
        client_.reset();
    }

    Result<> note() {
        const int64_t now = monotonic_ns();
        if (!records_.full() && now < next_flush_ns_) {
            return {};
        }
        next_flush_ns_ = now + flush_every_ns;
        return records_.flush();
    }

    std::array<Fd, 2> ends_;
    Fd control_;
    Fd client_;
    StopSignal stop_;
    RecordFile records_;
    Impairments impairments_;
    std::array<Impairer, 2> impairers_;
    std::array<Counters, 2> counters_{};
    std::vector<Waiting> waiting_;  // a heap, the next release in front
    std::vector<std::unique_ptr<Frame>> spare_;
    uint64_t number_ = 0;
    int64_t next_flush_ns_ = 0;
};

}  // namespace rehome::lab
