// The raw data: each probe once, packets as they were sent.
#include <doctest/doctest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>

#include "probe/core/tcp_flow.h"
#include "probe/report/packets.h"
#include "probe/report/raw.h"
#include "records.h"

namespace rehome::probe {
namespace {

constexpr Nanos ms = 1'000'000;

std::string all_of(std::unique_ptr<RawData> data) {
    std::string text;
    while (data->add_piece(text)) {
    }
    return text;
}

std::vector<std::string> lines_of(const std::string& text) {
    std::istringstream in(text);
    std::vector<std::string> lines;
    for (std::string line; std::getline(in, line);) {
        lines.push_back(line);
    }
    return lines;
}

// More rows than a piece has.
Record two_paths() {
    Record record = make_record({.count = 20'000, .rate_pps = 100},
                                [](uint32_t i) { return i == 1 ? 0 : 20 * ms + i; });
    record.paths.push_back(record.paths.front());
    record.paths.back().path.kind = Kind::tcp;
    record.paths.back().path.target.port = 1883;
    record.paths.back().source_ports = {61000, 61001, 61002};
    record.paths.back().probes.resize(2);
    record.paths.back().probes[0].sample.refused = true;
    record.paths.back().probes[0].sample.duplicated = true;
    record.paths.back().probes[1].settled = false;
    record.interfaces[2] = "=red\n";
    return record;
}

TEST_CASE("CSV: a line a probe, names without effect") {
    const auto lines = lines_of(all_of(raw_csv(two_paths())));
    REQUIRE(lines.size() == 1 + 20'000 + 2);
    CHECK(lines[0] == "kind,target,index,sent_utc,rtt_ns,end,size,ttl,out,in,flags,reflector_ns");
    const std::string red = R"("'=red\x0a")";
    CHECK(lines[1] ==
          "icmp,198.51.100.10,0,2026-05-04T03:00:00.000005000Z,20000000,received,52,60," + red +
              "," + red + ",,");
    CHECK(lines[2] ==
          "icmp,198.51.100.10,1,2026-05-04T03:00:00.010005000Z,,on_path,52,," + red + ",,,");
    CHECK(lines[20'001] ==
          "tcp,198.51.100.10:1883,0,2026-05-04T03:00:00.000005000Z,20000000,received,52,60," + red +
              "," + red + ",rd,");
    CHECK(lines[20'002].find(",under_way,") != std::string::npos);
}

TEST_CASE("JSON: the same") {
    const auto json = nlohmann::json::parse(all_of(raw_json(two_paths())));
    CHECK(json["begin"] == "2026-05-04T03:00:00.000000000Z");
    CHECK(json["interfaces"]["2"] == "=red\\x0a");
    REQUIRE(json["paths"].size() == 2);
    REQUIRE(json["paths"][0]["probes"].size() == 20'000);
    CHECK(json["paths"][0]["probes"][0] ==
          nlohmann::json::parse(R"([0,5000,20000000,"received",52,60,2,2,"",null])"));
    CHECK(json["paths"][0]["probes"][1][2].is_null());
    CHECK(json["paths"][1]["probes"][0][8] == "rd");
}

TEST_CASE("JSON of a record without a path is whole") {
    Record record = two_paths();
    record.paths.clear();
    CHECK(nlohmann::json::parse(all_of(raw_json(record)))["paths"].empty());
}

template <typename T>
T little(std::string_view bytes, size_t at) {
    T value = 0;
    std::memcpy(&value, bytes.data() + at, sizeof value);
    return value;
}

TEST_CASE("pcapng: blocks fit, packets stand by time, and it says what it is") {
    const Record record = two_paths();
    const std::string bytes = all_of(raw_pcapng(record));
    CHECK(bytes.find("Reconstructed from the record") < 200);
    size_t packets = 0;
    uint64_t latest = 0;
    for (size_t at = 0; at < bytes.size();) {
        const auto length = little<uint32_t>(bytes, at + 4);
        REQUIRE(length % 4 == 0);
        REQUIRE(at + length <= bytes.size());
        REQUIRE(little<uint32_t>(bytes, at + length - 4) == length);
        if (little<uint32_t>(bytes, at) == 6) {
            const uint64_t time =
                uint64_t{little<uint32_t>(bytes, at + 12)} << 32 | little<uint32_t>(bytes, at + 16);
            CHECK(time >= latest);
            latest = time;
            ++packets;
        }
        at += length;
    }
    // One of the first path was not answered, the last of the second is under way.
    CHECK(packets == 20'000 + 19'999 + 2 + 1);
}

TEST_CASE("packets: a probe is what the flow sent, and its answer is one that the flow takes") {
    for (const Kind kind : {Kind::icmp, Kind::tcp}) {
        Record record = make_record({.count = 3, .kind = kind}, [](uint32_t) { return 20 * ms; });
        PathRecord& path = record.paths.front();
        path.source_ports = {61000, 61001};
        path.secret = 0x0123456789abcdef;
        path.dscp = 46;
        const auto flow = make_flow({.kind = kind,
                                     .source = record.plan.binding.source,
                                     .target = path.path.target,
                                     .ports = path.source_ports,
                                     .secret = path.secret});
        std::vector<uint8_t> room(flow->message_size());
        Packets packets(record.plan, path);
        for (ProbeRow& row : path.probes) {
            const size_t size = flow->construct(row.index, row.sample.sent, room);
            row.sample.size = static_cast<uint16_t>(20 + size);
            const ByteView probe = packets.probe(row);
            CHECK(std::equal(probe.begin() + 20, probe.end(), room.begin(), room.begin() + size));
            CHECK(probe[1] == 46 << 2);
            CHECK(get<uint16_t>(probe, 2) == 20 + size);
            CHECK(ones_sum(probe.first(20)) == 0xffff);
            const auto inside = inside_ipv4(packets.answer(row), protocol_of(kind, Family::v4));
            REQUIRE(inside.has_value());
            const auto answer = flow->deconstruct(*inside);
            REQUIRE(answer.has_value());
            CHECK(answer->index == row.index);
        }
    }
}

TEST_CASE("packets: a STAMP probe in its headers, and of one with a key the headers alone") {
    Record record = make_record({.count = 1, .kind = Kind::udp}, [](uint32_t) { return 20 * ms; });
    PathRecord& path = record.paths.front();
    path.source_ports = {50000};
    ProbeRow& row = path.probes.front();
    row.sample.size = 72;
    const auto flow = make_flow({.kind = Kind::udp,
                                 .source = record.plan.binding.source,
                                 .target = path.path.target,
                                 .ports = path.source_ports,
                                 .size = row.sample.size});
    std::vector<uint8_t> room(9000);
    const size_t size = flow->construct(0, row.sample.sent, room);
    Packets packets(record.plan, path);
    const ByteView probe = packets.probe(row);
    REQUIRE(probe.size() == 28 + size);
    CHECK(get<uint16_t>(probe, 20) == 50000);
    CHECK(get<uint16_t>(probe, 22) == 1883);
    CHECK(std::equal(probe.begin() + 28, probe.end(), room.begin()));
    CHECK(get<uint16_t>(packets.answer(row), 20) == 1883);

    record.plan.authenticated = true;
    Packets sealed(record.plan, path);
    CHECK(sealed.probe(row).size() == 28);
    CHECK(get<uint16_t>(sealed.probe(row), 2) == 72);
}

}  // namespace
}  // namespace rehome::probe
