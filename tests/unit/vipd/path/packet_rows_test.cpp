// The rows of tests/data/packets through the pure core: packet by packet, and again in bursts,
// which must come to the same.  Each packet that leaves is checked from scratch.
#include "tests/unit/vipd/packet_rows.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include <nlohmann/json.hpp>

#include "common/json/file.h"
#include "tests/unit/vipd/lab.h"
#include "vipd/adapter/config_file.h"
#include "vipd/packet/bytes.h"
#include "vipd/packet/gue.h"
#include "vipd/route/route_file.h"

using namespace rehome;
using namespace rehome::vipd;
using namespace rehome::vipd::testing;

namespace {

const std::string folder = "tests/data/packets/";

// The gateway of the rows, and what it sends while a packet is handled.
class Gateway {
public:
    explicit Gateway(const PacketRows& rows) : config_(config_of(rows)) {
        std::vector<std::string> names;
        Datapath::Settings settings;
        settings.flows = {1024, 1024};
        settings.hash_key = 7;
        for (size_t i = 0; i < config_.ports.size(); ++i) {
            names.push_back(config_.ports[i].name);
            settings.ports.push_back(
                {{2, 0, 0, 0, 0, static_cast<uint8_t>(i + 1)},
                 static_cast<uint16_t>(config_.is_link(i) ? 1500 + tunnel_bytes(Family::v4)
                                                          : 1500)});
        }
        Orders orders;
        orders.share = {{rows.share * 100}, {}};
        act_ = std::make_unique<Act>(config_, settings, now_, orders);
        path_ = &act_->path;
        obey_access();
        now_ = rows.settled ? act_->state.snapshot()->answers_from : now_;
        const auto text = *read_file(folder + "gateway.routes.json");
        auto routes = *parse_route_file("gateway.routes.json", text, names);
        path_->replace_routes(std::make_shared<const Fib>(routes.routes.build()));
        path_->replace_neighbours(std::make_shared<const Neighbours>(routes.neighbours));
        Sink sink;
        sink.emit = [this](std::span<const uint8_t> packet, uint32_t adjacency) {
            const auto vlan = path_->adjacencies()[adjacency].hop.vlan;
            sent({packet.begin(), packet.end()}, vlan, path_->adjacencies()[adjacency]);
        };
        act_->set_sink(std::move(sink));
    }

    // What becomes of packets that come in together at one place.
    struct Outcome {
        std::vector<std::string> out;  // "PLACE PACKET"
        std::vector<Drop> drops;       // in order of their reasons
        size_t punted = 0;

        bool operator==(const Outcome&) const = default;
    };

    // What comes before a step's packet.
    void prepare(const PacketStep& step) {
        for (const RowOrder& order : step.orders) {
            if (order.mode) {
                DisableOrder disable;
                disable.mode = *order.mode;
                act_->state.disable(order.target, disable);
            } else {
                act_->state.enable(order.target, {});
            }
            act_->follow(now_);
        }
        for (const PlacedPacket& sent : step.of_kernel) {
            path_->may_leave(frame_of(sent.packet), came_by(sent.place).first, now_);
        }
    }

    Outcome take(const std::string& place, const std::vector<const TextPacket*>& packets,
                 bool burst) {
        act_->follow(now_);
        out_.clear();
        right_ = true;
        const auto drops = path_->counters().drops;
        const auto [port, from] = came_by(place);
        std::vector<Buffer> buffers;
        std::vector<Job> jobs;
        for (const TextPacket* packet : packets) {
            std::vector<uint8_t> frame = frame_of(*packet);
            std::copy(from.begin(), from.end(), frame.begin() + 6);
            buffers.emplace_back(frame);
            jobs.push_back({buffers.back().frame, {}});
            const auto parsed = parse_packet(packet->ip, 0);
            right_ = right_ && parsed && (parsed->fragment || wrong_checksum(packet->ip).empty());
        }
        if (burst) {
            path_->handle(jobs, port, now_);
        } else {
            jobs[0].verdict = path_->handle(jobs[0].frame, port, now_);
        }
        Outcome outcome;
        for (const Job& job : jobs) {
            if (job.verdict.kind == Verdict::Kind::forward) {
                left(job);
            }
            const bool up =
                job.verdict.kind == Verdict::Kind::punt || job.verdict.kind == Verdict::Kind::check;
            outcome.punted += up ? 1 : 0;
        }
        for (size_t i = 0; i < drop_count; ++i) {
            outcome.drops.insert(outcome.drops.end(), path_->counters().drops[i] - drops[i],
                                 static_cast<Drop>(i));
        }
        outcome.out = std::move(out_);
        now_ += 100;
        return outcome;
    }

    std::vector<std::string> wrong;  // what must never be, and was

private:
    static Config config_of(const PacketRows& rows) {
        auto document = nlohmann::json::parse(*read_file(folder + "gateway.json"));
        document.merge_patch(nlohmann::json::parse(rows.config));
        auto config = parse_config("gateway.json", document.dump(), [](const std::string& path) {
            return read_inventory(folder + path);
        });
        REQUIRE_MESSAGE(config, (config ? "" : config.error().front().text()));
        return std::move(*config);
    }

    // The file's, as vipd has them before it takes a packet.
    void obey_access() {
        const auto& rules = config_.access.rules;
        if (rules == nullptr || !rules->decides()) {
            return;
        }
        act_->state.access(std::make_shared<const Access>(
            Access{rules, plain_classifier(*flatten(*rules, config_.services))}));
        act_->follow(now_);
        path_->flows().end_sweep();  // of none
    }

    // Its port, and who sends there.
    std::pair<PortIndex, Mac> came_by(const std::string& place) {
        const auto line = std::find_if(config_.lines.begin(), config_.lines.end(),
                                       [&](const auto& l) { return l.carrier == place; });
        if (line != config_.lines.end()) {
            const uint32_t number = path_->adjacencies().find(
                {static_cast<PortIndex>(line->port), line->peer, line->vlan});
            Mac mac;
            std::copy_n(path_->adjacencies()[number].macs.begin(), 6, mac.begin());
            return {static_cast<PortIndex>(line->port), mac};
        }
        const auto port = std::find_if(config_.ports.begin(), config_.ports.end(),
                                       [&](const auto& p) { return p.name == place; });
        if (port == config_.ports.end()) {
            wrong.push_back("no place " + place);
        }
        return {static_cast<PortIndex>(port - config_.ports.begin()), {2, 0, 0, 0, 0, 0x99}};
    }

    void left(const Job& job) {
        const auto frame = job.frame.bytes();
        const Adjacency& adjacency = path_->adjacencies()[job.verdict.adjacency];
        const Link link = link_of(frame);
        const auto ip = frame.subspan(link.header_bytes);
        if (!adjacency.usable ||
            !std::equal(frame.begin(), frame.begin() + 12, adjacency.macs.begin())) {
            wrong.push_back("not to its neighbour: " + adjacency.hop.address.text());
        }
        sent({ip.begin(), ip.end()}, link.vlan, adjacency);
    }

    void sent(const std::vector<uint8_t>& ip, uint16_t vlan, const Adjacency& by) {
        const auto packet = parse_packet(ip, 0);
        const std::string place = by.line == UINT32_MAX ? config_.ports[by.hop.port].name
                                                        : config_.lines[by.line].carrier;
        const std::string text = packet_text(ip, vlan == 0 ? std::nullopt : std::optional(vlan));
        out_.push_back(place + " " + text);
        if (!packet) {
            wrong.push_back("cannot be parsed: " + text);
            return;
        }
        if (by.line == UINT32_MAX && by.hop.address != packet->destination) {
            wrong.push_back("to " + by.hop.address.text() + ": " + text);
        }
        const size_t total = packet->family == Family::v4 ? load16(&ip[2]) : 40U + load16(&ip[4]);
        if (total != ip.size()) {
            wrong.push_back("length: " + text);
        }
        if (right_ && !packet->fragment) {
            if (const auto bad = wrong_checksum(ip); !bad.empty()) {
                wrong.push_back(bad + " checksum: " + text);
            }
        }
    }

    Micros now_ = 1'000'000'000;
    Config config_;
    std::unique_ptr<Act> act_;
    Datapath* path_ = nullptr;
    std::vector<std::string> out_;
    bool right_ = true;  // what came in has the right checksums
};

// What the rows say of steps that come in together.
Gateway::Outcome expected(std::span<const PacketStep> steps) {
    Gateway::Outcome outcome;
    for (const auto& step : steps) {
        for (const auto& out : step.out) {
            outcome.out.push_back(out.place + " " + packet_text(out.packet.ip, out.packet.vlan));
        }
        outcome.drops.insert(outcome.drops.end(), step.drops.begin(), step.drops.end());
        outcome.punted += step.punt ? 1 : 0;
    }
    std::sort(outcome.drops.begin(), outcome.drops.end());
    return outcome;
}

std::string text(const Gateway::Outcome& outcome) {
    std::string text;
    for (const auto& out : outcome.out) {
        text += "  out " + out + "\n";
    }
    for (const auto drop : outcome.drops) {
        text += "  drop " + std::string(name(drop)) + "\n";
    }
    for (size_t i = 0; i < outcome.punted; ++i) {
        text += "  punt\n";
    }
    return text;
}

void run(const PacketRows& rows, bool burst) {
    Gateway gateway(rows);
    for (const auto& row : rows.rows) {
        for (size_t at = 0, next = 0; at < row.steps.size(); at = next) {
            std::vector<const TextPacket*> packets;
            gateway.prepare(row.steps[at]);
            do {
                packets.push_back(&row.steps[next++].in.packet);
            } while (burst && next < row.steps.size() && packets.size() < burst_max &&
                     row.steps[next].in.place == row.steps[at].in.place &&
                     row.steps[next].orders.empty() && row.steps[next].of_kernel.empty());
            auto got = gateway.take(row.steps[at].in.place, packets, burst);
            auto want = expected(std::span(row.steps).subspan(at, next - at));
            if (burst) {  // what is emitted comes before what is forwarded
                std::sort(got.out.begin(), got.out.end());
                std::sort(want.out.begin(), want.out.end());
            }
            CHECK_MESSAGE(got == want, "row ", row.description, "\nline ", row.steps[at].line,
                          std::string(burst ? ", in bursts" : ""), "\nexpected:\n", text(want),
                          "got:\n", text(got));
        }
    }
    for (const auto& wrong : gateway.wrong) {
        CHECK_MESSAGE(false, wrong);
    }
}

}  // namespace

TEST_CASE("rows of packets") {
    std::vector<std::string> files;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
        if (entry.path().extension() == ".rows") {
            files.push_back(entry.path().string());
        }
    }
    std::sort(files.begin(), files.end());
    REQUIRE(files.size() > 0);
    for (const auto& file : files) {
        SUBCASE(file.c_str()) {
            const auto rows = read_packet_rows(file);
            REQUIRE_MESSAGE(rows, (rows ? "" : rows.error().text()));
            run(*rows, false);
            run(*rows, true);
        }
    }
}
