// See record_schema.h.
#include "probe/core/record_schema.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace rehome::probe {

namespace {

constexpr int64_t latest = int64_t{1} << 62;  // ns: in the year 2116
constexpr int64_t most32 = UINT32_MAX;
constexpr bool nullable = true;
constexpr size_t longest_text = 65536;  // 4,000 ports that no two follow each other

// The column of a row's member.
template <auto Member, typename Row>
constexpr Column<Row> own(const char* name, int64_t least, int64_t most, bool zero_is_null) {
    return {name,
            [](const Row& row) { return static_cast<int64_t>(row.*Member); },
            [](Row& row, int64_t value) {
                row.*Member = static_cast<std::remove_reference_t<decltype(row.*Member)>>(value);
            },
            least,
            most,
            zero_is_null};
}

// The column of a member of a row's member.
template <auto Part, auto Member, typename Row>
constexpr Column<Row> inner(const char* name, int64_t least, int64_t most, bool zero_is_null) {
    return {name,
            [](const Row& row) { return static_cast<int64_t>(row.*Part.*Member); },
            [](Row& row, int64_t value) {
                auto& member = row.*Part.*Member;
                member = static_cast<std::remove_reference_t<decltype(member)>>(value);
            },
            least,
            most,
            zero_is_null};
}

template <auto Member>
constexpr Column<ProbeRow> sample(const char* name, int64_t least, int64_t most,
                                  bool zero_is_null = false) {
    return inner<&ProbeRow::sample, Member, ProbeRow>(name, least, most, zero_is_null);
}

template <auto Member>
constexpr Column<PathRecord> path(const char* name, int64_t most, bool zero_is_null = false) {
    return own<Member, PathRecord>(name, 0, most, zero_is_null);
}

template <auto Member>
constexpr Column<PathRecord> tally(const char* name, int64_t most = most32) {
    return inner<&PathRecord::tally, Member, PathRecord>(name, 0, most, false);
}

template <auto Member>
constexpr Column<PathRecord> our(const char* name) {
    return inner<&PathRecord::own, Member, PathRecord>(name, 0, latest, false);
}

// `behind` is by the monotonic clock; as a time it is easier to read.
constexpr Column<ProbeRow> due{
    "due_ns", [](const ProbeRow& row) { return row.sample.sent - row.sample.behind; },
    [](ProbeRow& row, int64_t value) { row.sample.behind = row.sample.sent - value; }, 0, latest};

constexpr Column<PathRecord> secret{
    "secret", [](const PathRecord& row) { return static_cast<int64_t>(row.secret); },
    [](PathRecord& row, int64_t value) { row.secret = static_cast<uint64_t>(value); }, INT64_MIN,
    INT64_MAX};

constexpr Column<PathRecord> clock_tolerance{
    "clock_tolerance_ppb",
    [](const PathRecord& row) { return int64_t{std::llround(row.own.clock_tolerance * 1e9)}; },
    [](PathRecord& row, int64_t value) {
        row.own.clock_tolerance = static_cast<double>(value) * 1e-9;
    },
    0, 1'000'000'000};

constexpr std::array probe_table{
    own<&ProbeRow::index, ProbeRow>("idx", 0, most32, false),
    sample<&Sample::sent>("sent_ns", 1, latest),
    due,  // behind sent_ns, which it needs
    sample<&Sample::stamped>("stamped_ns", 0, latest, nullable),
    sample<&Sample::received>("received_ns", 0, latest, nullable),
    sample<&Sample::captured>("captured_ns", 0, latest, nullable),
    sample<&Sample::reflector>("reflector_ns", -latest, latest, nullable),
    sample<&Sample::order>("arrival", 0, most32, nullable),
    sample<&Sample::out>("out_if", 0, most32, nullable),
    sample<&Sample::in>("in_if", 0, most32, nullable),
    sample<&Sample::size>("size", 0, UINT16_MAX, nullable),
    sample<&Sample::ttl>("ttl", 0, UINT8_MAX, nullable),
    sample<&Sample::unsent>("unsent", 0, static_cast<int64_t>(Unsent::too_big)),
    sample<&Sample::refused>("refused", 0, 1),
    sample<&Sample::duplicated>("duplicated", 0, 1),
    sample<&Sample::half_open>("half_open", 0, 1),
    sample<&Sample::repeated>("repeated", 0, 1),
    sample<&Sample::unreflected>("unreflected", 0, 1),
};

constexpr std::array path_table{
    path<&PathRecord::dscp>("dscp", 63),
    secret,
    path<&PathRecord::bound_to>("bound_to_if", most32, nullable),
    path<&PathRecord::repeats_after>("repeats_after_ns", latest, nullable),
    tally<&Tally::duplicates>("duplicates"),
    tally<&Tally::damaged>("damaged"),
    tally<&Tally::unauthentic>("unauthentic"),
    tally<&Tally::received_unstamped>("received_unstamped"),
    tally<&Tally::icmp_errors>("icmp_errors"),
    tally<&Tally::skipped>("skipped"),
    tally<&Tally::longest_pause>("longest_pause_ns", latest),
    our<&OwnSide::receive_drops>("receive_drops"),
    our<&OwnSide::capture_drops>("capture_drops"),
    our<&OwnSide::longest_send_call>("longest_send_call_ns"),
    our<&OwnSide::clock_resolution>("clock_resolution_ns"),
    clock_tolerance,
};

constexpr std::array run_texts{"id", "schema", "host", "program", "kernel", "result"};
constexpr std::array run_times{"started_us", "seen_us"};  // and ended_us, null at first
constexpr std::array path_texts{"kind",       "target",     "source_ports", "icmp_error",
                                "send_error", "no_way_out", "too_big"};

constexpr const char* event_table =
    "CREATE TABLE event (at_us INTEGER NOT NULL, path INTEGER, what TEXT NOT NULL, "
    "detail TEXT NOT NULL)";

// "NAME INTEGER NOT NULL" for each.
template <typename Row>
std::string definitions(std::span<const Column<Row>> columns) {
    std::string text;
    for (const Column<Row>& column : columns) {
        text += fmt::format(", {} INTEGER{}", column.name, column.zero_is_null ? "" : " NOT NULL");
    }
    return text;
}

template <typename Row>
std::string names(std::span<const Column<Row>> columns) {
    std::string text;
    for (const Column<Row>& column : columns) {
        text += fmt::format(", {}", column.name);
    }
    return text;
}

std::string insert_into(std::string_view table, size_t values) {
    return fmt::format("INSERT OR REPLACE INTO {} VALUES ({})", table,
                       fmt::join(std::vector<std::string_view>(values, "?"), ", "));
}

template <typename Row>
void put_numbers(MessageWriter& message, std::span<const Column<Row>> columns, const Row& row) {
    for (const Column<Row>& column : columns) {
        const int64_t value = column.get(row);
        if (value == 0 && column.zero_is_null) {
            message.nothing();
        } else {
            message.integer(value);
        }
    }
}

std::optional<uint16_t> take_port(std::string_view text) {
    uint16_t port = 0;
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, port);
    return error == std::errc{} && stop == end ? std::optional(port) : std::nullopt;
}

uint8_t number(Put put) {
    return static_cast<uint8_t>(put);
}

}  // namespace

std::span<const Column<ProbeRow>> probe_columns() {
    return probe_table;
}

std::span<const Column<PathRecord>> path_columns() {
    return path_table;
}

std::vector<std::string> create_statements() {
    std::vector<std::string> statements{
        fmt::format("CREATE TABLE run ({} TEXT NOT NULL, {} INTEGER NOT NULL, ended_us INTEGER)",
                    fmt::join(run_texts, " TEXT NOT NULL, "),
                    fmt::join(run_times, " INTEGER NOT NULL, ")),
        fmt::format("CREATE TABLE path (path INTEGER PRIMARY KEY, {} TEXT NOT NULL{})",
                    fmt::join(path_texts, " TEXT NOT NULL, "), definitions(path_columns())),
        fmt::format("CREATE TABLE probe (id INTEGER PRIMARY KEY, path INTEGER NOT NULL{}, "
                    "fate INTEGER)",
                    definitions(probe_columns())),
        "CREATE TABLE fate (fate INTEGER PRIMARY KEY, name TEXT NOT NULL)",
        event_table,
        "CREATE TABLE interface (interface INTEGER PRIMARY KEY, name TEXT NOT NULL)"};
    for (size_t i = 0; i < fate_names.size(); ++i) {
        statements.push_back(fmt::format("INSERT INTO fate VALUES ({}, '{}')", i, fate_names[i]));
    }
    return statements;
}

std::vector<std::string> put_statements() {
    return {insert_into("run", run_texts.size() + run_times.size() + 1),
            "UPDATE run SET seen_us = ?",
            "UPDATE run SET result = ?",
            "UPDATE run SET ended_us = ?, result = ?",
            insert_into("path", 1 + path_texts.size() + path_table.size()),
            insert_into("probe", 2 + probe_table.size() + 1),
            insert_into("event", 4),
            insert_into("interface", 2)};
}

void put_run(std::string& out, const Record& record, std::string_view result) {
    MessageWriter(out, number(Put::run))
        .text(record.id)
        .text(record_schema)
        .text(ascii_text(record.host))
        .text(ascii_text(record.program))
        .text(ascii_text(record.kernel))
        .text(result)
        .integer(record.started)
        .integer(record.seen)
        .nothing();
}

void put_seen(std::string& out, UnixMicros seen) {
    MessageWriter(out, number(Put::seen)).integer(seen);
}

void put_figures(std::string& out, std::string_view result) {
    MessageWriter(out, number(Put::figures)).text(result);
}

void put_ended(std::string& out, UnixMicros ended, std::string_view result) {
    MessageWriter(out, number(Put::ended)).integer(ended).text(result);
}

void put_path(std::string& out, uint32_t index, const PathRecord& path) {
    MessageWriter message(out, number(Put::path));
    message.integer(index)
        .text(name(path.path.kind))
        .text(path.path.target_text())
        .text(ports_text(path.source_ports))
        .text(ascii_text(path.tally.icmp_error))
        .text(ascii_text(path.tally.send_error))
        .text(ascii_text(path.tally.no_way_out))
        .text(ascii_text(path.tally.too_big));
    put_numbers(message, path_columns(), path);
}

// Rows of all paths come by turns: numbered so, they are always added at the table's end.
void put_probe(std::string& out, uint32_t path, size_t paths, const ProbeRow& row,
               std::optional<Fate> fate) {
    MessageWriter message(out, number(Put::probe));
    message.integer(static_cast<int64_t>(row.index * paths + path)).integer(path);
    put_numbers(message, probe_columns(), row);
    if (fate) {
        message.integer(static_cast<int64_t>(*fate));
    } else {
        message.nothing();
    }
}

void put_event(std::string& out, const RecordEvent& event) {
    MessageWriter message(out, number(Put::event));
    message.integer(event.at);
    if (event.path) {
        message.integer(*event.path);
    } else {
        message.nothing();
    }
    message.text(ascii_text(event.what)).text(ascii_text(event.detail));
}

void put_interface(std::string& out, uint32_t index, const std::string& name) {
    MessageWriter(out, number(Put::interface)).integer(index).text(ascii_text(name));
}

void put_sync(std::string& out) {
    MessageWriter(out, number(Put::sync));
}

std::string select_run() {
    return fmt::format("SELECT {}, {}, ended_us FROM run LIMIT 2", fmt::join(run_texts, ", "),
                       fmt::join(run_times, ", "));
}

std::string select_paths() {
    return fmt::format("SELECT path, {}{} FROM path ORDER BY path", fmt::join(path_texts, ", "),
                       names(path_columns()));
}

std::string select_probes() {
    return "SELECT path" + names(probe_columns()) + " FROM probe ORDER BY id";
}

std::string select_events() {
    return "SELECT at_us, path, what, detail FROM event";
}

std::string select_interfaces() {
    return "SELECT interface, name FROM interface";
}

bool is_ascii_text(std::string_view text) {
    return text.size() <= longest_text &&
           std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

std::string ascii_text(std::string_view text) {
    std::string ascii(text.substr(0, longest_text));
    std::replace_if(
        ascii.begin(), ascii.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
    return ascii;
}

std::string ports_text(const std::vector<uint16_t>& ports) {
    std::string text;
    for (size_t i = 0; i < ports.size();) {
        size_t end = i + 1;
        while (end < ports.size() && ports[end] == ports[end - 1] + 1) {
            ++end;
        }
        text += fmt::format("{}{}", text.empty() ? "" : " ", ports[i]);
        text += end == i + 1 ? "" : fmt::format("-{}", ports[end - 1]);
        i = end;
    }
    return text;
}

std::optional<std::vector<uint16_t>> parse_ports(std::string_view text) {
    std::vector<uint16_t> ports;
    while (!text.empty()) {
        const std::string_view word = text.substr(0, text.find(' '));
        const auto first = take_port(word.substr(0, word.find('-')));
        const auto last = take_port(word.substr(std::min(word.size(), word.find('-') + 1)));
        if (!first || !last || *first > *last || ports.size() > UINT16_MAX) {
            return std::nullopt;
        }
        for (uint32_t port = *first; port <= *last; ++port) {
            ports.push_back(static_cast<uint16_t>(port));
        }
        text.remove_prefix(std::min(text.size(), word.size() + 1));
    }
    return ports;
}

}  // namespace rehome::probe
