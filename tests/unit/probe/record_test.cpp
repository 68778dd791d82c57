// The record: what is written is read again, at every moment of its life, and what is not a record,
// or no longer one, is refused in one line.
#include <doctest/doctest.h>

#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "probe/adapter/database.h"
#include "probe/adapter/record_reader.h"
#include "probe/adapter/record_writer.h"
#include "probe/adapter/writer_child.h"
#include "probe/core/measurement_json.h"
#include "probe/core/record_schema.h"

namespace rehome::probe {
namespace {

using Limit = WriterChild::Limit;
constexpr Limit soon(5'000);
constexpr Nanos second = 1'000'000'000;
constexpr Nanos start_ns = 1'795'233'600 * second;

// A folder that goes with the test.
class Folder {
public:
    Folder() : path_(std::filesystem::temp_directory_path() / fmt::format("record.{}", getpid())) {
        std::filesystem::remove_all(path_);
        std::filesystem::create_directory(path_);
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    ~Folder() { std::filesystem::remove_all(path_); }

    std::string operator/(const std::string& name) const { return path_ / name; }

private:
    std::filesystem::path path_;
};

Measurement begun() {
    Measurement m;
    m.at = start_ns / 1000;
    m.ended = m.at;
    m.interrupted = true;
    m.plan = {.carrier = "red",
              .binding = {.source = *Address::parse("192.0.2.1"), .interface = ""},
              .paths = {},
              .count = 100,
              .rate_pps = 10,
              .wait = second};
    Figures icmp;
    icmp.path = {Kind::icmp, {"meters"}, {*Address::parse("198.51.100.10"), 0}};
    icmp.route = {.interface = "red0", .next_hop = {}, .table = 254};
    icmp.flow = "one flow";
    Figures tcp = icmp;
    tcp.path = {Kind::tcp, {"meters"}, *Endpoint::parse("198.51.100.10:1883")};
    m.kinds = {icmp, tcp};
    return m;
}

Sample answered(Nanos sent, Nanos rtt, uint32_t order) {
    return {.sent = sent,
            .stamped = sent + 1000,
            .received = sent + 1000 + rtt,
            .captured = sent + 1000 + rtt,
            .behind = 7,
            .out = 2,
            .in = 3,
            .order = order,
            .size = 52,
            .ttl = 57};
}

PathRecord path_row(Kind kind) {
    PathRecord path;
    path.path = begun().kinds[kind == Kind::tcp ? 1 : 0].path;
    path.dscp = 46;
    path.source_ports = {61000, 61001, 61005};
    path.secret = 0xfedcba9876543210;
    path.bound_to = 4;
    path.repeats_after = second;
    path.tally.skipped = 9;
    path.tally.longest_pause = 60'000'000;
    path.tally.icmp_error = "host unreachable\x1b[2J";
    path.own.receive_drops = 3;
    path.own.clock_tolerance = 5e-4;
    return path;
}

// The head and both paths, five probes each: the last two of the second path have no answer.
std::string rows() {
    std::string out;
    const Record head{.id = "1234",
                      .host = "vantage",
                      .program = "probe 0.1.0",
                      .kernel = "Linux 6.1",
                      .started = start_ns / 1000,
                      .seen = start_ns / 1000};
    put_run(out, head, to_json(begun()));
    put_interface(out, 2, "red0");
    put_interface(out, 3, "green0");
    put_path(out, 0, path_row(Kind::icmp));
    put_path(out, 1, path_row(Kind::tcp));
    for (uint32_t i = 0; i < 5; ++i) {
        const Nanos sent = start_ns + i * second / 10;
        put_probe(out, 0, 2, {.index = i, .sample = answered(sent, 20'000'000, i + 1)},
                  Fate::received);
        const Sample silent{.sent = sent, .stamped = sent + 1000, .out = 2};
        put_probe(out, 1, 2,
                  {.index = i, .sample = i < 3 ? answered(sent, 5'000'000, 7 * i + 1) : silent},
                  i < 3 ? std::optional(Fate::received) : std::nullopt);
    }
    put_event(out, {.at = start_ns / 1000 + 2, .path = {}, .what = "clock", .detail = "set"});
    put_event(out, {.at = start_ns / 1000 + 1, .path = 1, .what = "icmp", .detail = "host gone"});
    put_seen(out, start_ns / 1000 + 1'350'000);  // 50 ms behind the wait of probe 3
    return out;
}

// A writer that has opened the file.
WriterChild writer_of(const std::string& file) {
    auto writer =
        WriterChild::start(file, [file](const Fd& channel) { write_record(channel, file); });
    REQUIRE(writer.has_value());
    CHECK(parse_word(writer->receive(soon).value_or("")).letter == 'o');
    return std::move(*writer);
}

// The next that is not said by itself, every 0.3 s.
WriterWord next_word(WriterChild& writer) {
    WriterWord word{.letter = 'c'};
    while (word.letter == 'c') {
        word = parse_word(writer.receive(soon).value_or(""));
    }
    return word;
}

WriterWord sync(WriterChild& writer) {
    std::string out;
    put_sync(out);
    REQUIRE(writer.send_all(out, soon));
    return next_word(writer);
}

void write_whole(const std::string& file) {
    WriterChild writer = writer_of(file);
    std::string out = rows();
    Measurement result = begun();
    result.ended = start_ns / 1000 + 2'000'000;
    put_ended(out, result.ended, to_json(result));
    REQUIRE(writer.send_all(out, soon));
    CHECK(sync(writer).rows == 10);
}

TEST_CASE("a record is read while it is written, and its last second says what was known then") {
    const Folder folder;
    const std::string file = folder / "r.db";
    WriterChild writer = writer_of(file);
    REQUIRE(writer.send_all(rows(), soon));
    const WriterWord word = sync(writer);
    CHECK(word.letter == 's');
    CHECK(word.rows == 10);

    const auto record = read_record(file);
    REQUIRE_MESSAGE(record.has_value(), record.error().front().text());
    CHECK(record->id == "1234");
    CHECK(record->host == "vantage");
    CHECK(record->plan.carrier == "red");
    CHECK(record->seen == start_ns / 1000 + 1'350'000);
    CHECK_FALSE(record->ended.has_value());
    CHECK_FALSE(record->result.has_value());
    CHECK(record->interfaces.at(3) == "green0");
    REQUIRE(record->events.size() == 2);  // by time
    CHECK(record->events[0].what == "icmp");
    CHECK(record->events[0].path == 1);
    CHECK_FALSE(record->events[1].path.has_value());
    REQUIRE(record->paths.size() == 2);
    const PathRecord& tcp = record->paths[1];
    CHECK(tcp.path.target_text() == "198.51.100.10:1883");
    CHECK(tcp.flow == "one flow");
    CHECK(tcp.dscp == 46);
    CHECK(tcp.source_ports == std::vector<uint16_t>{61000, 61001, 61005});
    CHECK(tcp.secret == 0xfedcba9876543210);
    CHECK(tcp.bound_to == 4);
    CHECK(tcp.repeats_after == second);
    CHECK(tcp.tally.skipped == 9);
    CHECK(tcp.tally.icmp_error == "host unreachable?[2J");
    CHECK(tcp.own.receive_drops == 3);
    CHECK(tcp.own.clock_tolerance == doctest::Approx(5e-4));
    REQUIRE(tcp.probes.size() == 5);
    const Sample& sample = tcp.probes[2].sample;
    CHECK(sample.sent == start_ns + second / 5);
    CHECK(sample.behind == 7);
    CHECK(sample.round_trip() == 5'000'000);
    CHECK(sample.captured == sample.received);
    CHECK(sample.out == 2);
    CHECK(sample.in == 3);
    CHECK(sample.order == 3);  // counted through: 1, 8, 15 were written
    CHECK(sample.size == 52);
    CHECK(sample.ttl == 57);
    CHECK(tcp.probes[2].fate == Fate::received);
    CHECK(tcp.probes[3].fate == Fate::on_path);
    CHECK(tcp.probes[3].settled);
    CHECK_FALSE(tcp.probes[4].settled);

    const Measurement measurement = measurement_of(*record);
    CHECK(measurement.interrupted);
    CHECK(measurement.ended == record->seen);
    REQUIRE(measurement.kinds.size() == 2);
    CHECK(measurement.kinds[1].counts.sent == 4);
    CHECK(measurement.kinds[1].counts.lost == 1);
    CHECK(measurement.kinds[1].own.skipped == 9);
    CHECK(measurement.kinds[0].answered_by.at("green0") == 5);
    CHECK(parse_measurement("x", to_json(measurement)).has_value());
}

TEST_CASE("a whole record holds the result, and stands in one file") {
    const Folder folder;
    const std::string file = folder / "r.db";
    write_whole(file);
    CHECK_FALSE(std::filesystem::exists(file + "-wal"));
    CHECK(is_database(file));
    const auto record = read_record(file);
    REQUIRE_MESSAGE(record.has_value(), record.error().front().text());
    CHECK(record->ended == start_ns / 1000 + 2'000'000);
    CHECK(record->paths[1].probes[4].settled);
    CHECK(to_json(measurement_of(*record)) == to_json(*record->result));
}

TEST_CASE("what its sender had sent is written although the sender has gone") {
    const Folder folder;
    const std::string file = folder / "r.db";
    {
        WriterChild writer = writer_of(file);
        REQUIRE(writer.send_all(rows(), soon));
    }
    CHECK_FALSE(std::filesystem::exists(file + "-wal"));
    const auto record = read_record(file);
    REQUIRE(record.has_value());
    CHECK(record->paths[0].probes.size() == 5);
}

TEST_CASE("a record is never written over, and none is left of a run that sent nothing") {
    const Folder folder;
    const std::string file = folder / "r.db";
    { const WriterChild writer = writer_of(file); }
    CHECK_FALSE(std::filesystem::exists(file));
    write_whole(file);
    const auto again =
        WriterChild::start(file, [file](const Fd& channel) { write_record(channel, file); });
    REQUIRE(again.has_value());
    CHECK(read_record(file).has_value());
    auto second_writer =
        WriterChild::start(file, [file](const Fd& channel) { write_record(channel, file); });
    CHECK(parse_word(second_writer->receive(soon).value_or("")).letter == 'u');
    const std::string nowhere = folder / "no/r.db";
    auto lost = WriterChild::start(
        nowhere, [nowhere](const Fd& channel) { write_record(channel, nowhere); });
    const WriterWord word = parse_word(lost->receive(soon).value_or(""));
    CHECK(word.letter == 'e');
    CHECK(word.text.find("No such file or directory") != std::string::npos);
}

TEST_CASE("a writer that is fed nonsense ends the record, and keeps what it has") {
    const struct {
        const char* what;
        std::string bytes;
    } cases[] = {
        {"no statement", std::string("\x01\0\0\0\xff", 5)},
        {"too few values", std::string("\x01\0\0\0\x05", 5)},
        {"an unknown tag", std::string("\x02\0\0\0\x05\x09", 6)},
        {"a text that is longer than its message",
         std::string("\x06\0\0\0\x05\x02\xff\xff\0\0", 10)},
        {"half an integer", std::string("\x03\0\0\0\x05\x01\x07", 7)},
        {"an empty message", std::string("\0\0\0\0", 4)},
        {"a message without an end", std::string("\xff\xff\xff\xff", 4)},
    };
    for (const auto& c : cases) {
        CAPTURE(std::string(c.what));
        const Folder folder;
        const std::string file = folder / "r.db";
        {
            WriterChild writer = writer_of(file);
            REQUIRE(writer.send_all(rows(), soon));
            CHECK(sync(writer).rows == 10);
            REQUIRE(writer.send_all(c.bytes, soon));
            const WriterWord word = next_word(writer);
            CHECK(word.letter == 'e');
            CHECK(word.rows == 10);
            REQUIRE(writer.send_all(rows(), soon));  // and thrown away
        }
        CHECK(read_record(file).has_value());
    }
}

TEST_CASE("what is in it is committed by itself, each probe counts once") {
    const Folder folder;
    const std::string file = folder / "r.db";
    WriterChild writer = writer_of(file);
    REQUIRE(writer.send_all(rows(), soon));
    std::string again;
    put_probe(again, 0, 2, {.index = 4, .sample = answered(start_ns, 1, 5)}, Fate::received);
    REQUIRE(writer.send_all(again, soon));
    const WriterWord word = parse_word(writer.receive(soon).value_or(""));
    CHECK(word.letter == 'c');
    CHECK(word.rows == 10);
}

void spoil(const std::string& file, const std::string& sql) {
    auto database = Database::open(file, SQLITE_OPEN_READWRITE, Exit::world);
    REQUIRE(database.has_value());
    REQUIRE_MESSAGE(database->execute(sql), database->error_text());
}

TEST_CASE("refused records") {
    const struct {
        const char* sql;
        const char* said;
    } cases[] = {
        {"PRAGMA application_id = 7", "is no record of probe"},
        {"PRAGMA user_version = 2", "is a record of version 2, expected 1"},
        {"DROP TABLE probe", "has other tables"},
        {"CREATE VIEW v AS SELECT 1", "has other tables"},
        {"CREATE TRIGGER t AFTER INSERT ON probe BEGIN SELECT 1; END", "has other tables"},
        {"CREATE INDEX i ON probe (sent_ns)", "has other tables"},
        {"ALTER TABLE probe ADD COLUMN more", "has other tables"},
        {"DROP TABLE probe; CREATE VIEW probe AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT "
         "i "
         "FROM n) SELECT i FROM n",
         "has other tables"},
        {"DELETE FROM run", "table run: is empty"},
        {"INSERT INTO run SELECT * FROM run", "table run: has more than one row"},
        {"UPDATE run SET host = x'00ff'", "table run: has a text"},
        {"UPDATE run SET host = 'a' || char(10) || 'b'", "table run: has a text"},
        {"UPDATE run SET schema = 'rehome/probe-record/9'", "table run: has a text"},
        {"UPDATE run SET started_us = -1", "table run: has a time"},
        {"UPDATE run SET seen_us = 'soon'", "table run: has a time"},
        {"UPDATE run SET ended_us = 9223372036854775807", "table run: has a time"},
        {"UPDATE run SET result = '{}'", "result: /at: is missing"},
        {"UPDATE run SET result = 'x'", "result"},
        {"UPDATE path SET path = 9 WHERE path = 1", "table path: path has a value"},
        {"UPDATE path SET source_ports = '61000-'", "table path: source_ports has a value"},
        {"UPDATE path SET source_ports = '9-8'", "table path: source_ports has a value"},
        {"UPDATE path SET skipped = -1", "table path: skipped has a value"},
        {"UPDATE path SET dscp = 64", "table path: dscp has a value"},
        {"UPDATE path SET clock_tolerance_ppb = 1e300", "clock_tolerance_ppb has a value"},
        {"UPDATE probe SET path = 2", "table probe: path has a value"},
        {"UPDATE probe SET path = -1", "table probe: path has a value"},
        {"UPDATE probe SET idx = 4294967296 WHERE id = 0", "table probe: idx has a value"},
        {"UPDATE probe SET idx = 100 WHERE id = 8", "table probe: idx has a value"},
        {"UPDATE probe SET idx = 0", "table probe: idx has a value"},
        {"UPDATE probe SET sent_ns = 0", "table probe: sent_ns has a value"},
        {"UPDATE probe SET sent_ns = -9223372036854775808", "table probe: sent_ns has a value"},
        {"UPDATE probe SET received_ns = 9223372036854775807", "received_ns has a value"},
        {"UPDATE probe SET received_ns = x'01'", "received_ns has a value"},
        {"UPDATE probe SET stamped_ns = 'now'", "stamped_ns has a value"},
        {"UPDATE probe SET unsent = 5", "unsent has a value"},
        {"UPDATE probe SET refused = 2", "refused has a value"},
        {"UPDATE probe SET ttl = 256", "ttl has a value"},
        {"UPDATE event SET path = -3", "table event"},
        {"UPDATE event SET detail = x'ff'", "table event"},
        {"UPDATE event SET at_us = -1", "table event"},
        {"UPDATE interface SET name = char(27) || '[2J'", "table interface"},
        {"UPDATE interface SET interface = -5 WHERE interface = 2", "table interface"},
    };
    const Folder folder;
    const std::string file = folder / "r.db";
    const std::string good = folder / "good.db";
    write_whole(good);
    for (const auto& c : cases) {
        CAPTURE(std::string(c.sql));
        std::filesystem::copy_file(good, file, std::filesystem::copy_options::overwrite_existing);
        spoil(file, c.sql);
        const auto record = read_record(file);
        REQUIRE_FALSE(record.has_value());
        const Error& mistake = record.error().front();
        CAPTURE(mistake.text());
        CHECK(mistake.kind == Exit::usage);
        CHECK(mistake.text().starts_with(file));
        CHECK(mistake.text().find(c.said) != std::string::npos);
        CHECK(mistake.text().find('\n') == std::string::npos);
    }
}

TEST_CASE("hostile numbers that fit their columns do no harm") {
    const Folder folder;
    const std::string file = folder / "r.db";
    for (const char* sql :
         {"UPDATE probe SET arrival = 4294967295", "UPDATE probe SET arrival = 1",
          "UPDATE probe SET sent_ns = 4611686018427387904, received_ns = 1",
          "UPDATE probe SET due_ns = 0, stamped_ns = 4611686018427387904",
          "UPDATE probe SET reflector_ns = -4611686018427387904",
          "UPDATE path SET receive_drops = 4611686018427387904, damaged = 4294967295",
          "DELETE FROM probe", "DELETE FROM path", "DELETE FROM interface",
          "UPDATE probe SET idx = idx + 90"}) {
        CAPTURE(std::string(sql));
        std::filesystem::remove(file);
        write_whole(file);
        spoil(file, std::string(sql) + "; UPDATE run SET ended_us = NULL");
        const auto record = read_record(file);
        REQUIRE_MESSAGE(record.has_value(), record.error().front().text());
        CHECK_FALSE(to_json(measurement_of(*record)).empty());
    }
}

TEST_CASE("files that are no databases, and damaged ones") {
    const Folder folder;
    const std::string file = folder / "r.db";
    write_whole(file);
    std::string bytes;
    {
        std::ifstream in(file, std::ios::binary);
        bytes.assign(std::istreambuf_iterator<char>(in), {});
    }
    const auto refused = [&folder](const std::string& content) {
        const std::string other = folder / "other.db";
        std::ofstream(other, std::ios::binary) << content;
        const auto record = read_record(other);
        return !record && record.error().front().kind == Exit::usage;
    };
    CHECK(refused(""));
    CHECK(refused("{\"schema\": \"rehome/probe/2\"}"));
    CHECK(refused(bytes.substr(0, 100)));
    CHECK(refused(bytes.substr(0, bytes.size() / 2)));
    CHECK_FALSE(read_record(folder / "none").has_value());
    CHECK_FALSE(read_record(folder / ".").has_value());
    // A byte changed anywhere is refused, or read as another number: never more.
    uint32_t state = 1;
    for (int i = 0; i < 300; ++i) {
        std::string changed = bytes;
        for (int j = 0; j < 8; ++j) {
            state = state * 1'664'525 + 1'013'904'223;
            changed[state % changed.size()] = static_cast<char>(state >> 24);
        }
        const std::string other = folder / "other.db";
        std::ofstream(other, std::ios::binary) << changed;
        const auto record = read_record(other);
        CHECK((record || record.error().front().kind == Exit::usage));
        if (record) {
            CHECK_FALSE(to_json(measurement_of(*record)).empty());
        }
    }
}

TEST_CASE("messages come through in whatever pieces") {
    std::string out;
    MessageWriter(out, 7).integer(-1).nothing().text("").text(std::string(3000, 'x'));
    MessageWriter(out, 0);
    MessageWriter(out, 5).integer(INT64_MIN);
    for (const size_t piece : {size_t{1}, size_t{2}, size_t{7}, size_t{1000}, out.size()}) {
        CAPTURE(piece);
        MessageReader reader;
        Message message;
        std::vector<std::pair<int, size_t>> seen;
        for (size_t at = 0; at < out.size(); at += piece) {
            reader.feed(std::string_view(out).substr(at, piece));
            while (reader.next(message)) {
                seen.emplace_back(message.statement, message.values.size());
                if (message.statement == 7) {
                    CHECK(std::get<int64_t>(message.values[0]) == -1);
                    CHECK(std::holds_alternative<std::monostate>(message.values[1]));
                    CHECK(std::get<std::string_view>(message.values[2]).empty());
                    CHECK(std::get<std::string_view>(message.values[3]) == std::string(3000, 'x'));
                }
            }
        }
        CHECK(seen == std::vector<std::pair<int, size_t>>{{7, 4}, {0, 0}, {5, 1}});
        CHECK_FALSE(reader.broken());
        CHECK(reader.empty());
    }
}

TEST_CASE("ports as a row has them") {
    const struct {
        std::vector<uint16_t> ports;
        const char* text;
    } cases[] = {{{}, ""}, {{7}, "7"}, {{1, 2, 3, 9, 65535}, "1-3 9 65535"}};
    for (const auto& c : cases) {
        CHECK(ports_text(c.ports) == c.text);
        CHECK(parse_ports(c.text) == c.ports);
    }
    for (const char* text : {"1-", "-1", "2-1", "1-65536", " 1-2", "1-2,3-4", "a-b"}) {
        CAPTURE(std::string(text));
        CHECK_FALSE(parse_ports(text).has_value());
    }
    std::string many;
    for (int i = 0; i < 70'000; ++i) {
        many += "1-65535 ";
    }
    CHECK_FALSE(parse_ports(many).has_value());
}

}  // namespace
}  // namespace rehome::probe
