// See record_reader.h.
#include "probe/adapter/record_reader.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <functional>

#include "probe/adapter/database.h"
#include "probe/core/measurement_json.h"
#include "probe/core/record_schema.h"

namespace rehome::probe {

namespace {

constexpr size_t most_events = 1'000'000;
constexpr size_t most_interfaces = 65536;
constexpr int longest_value = 512 << 20;  // of a result's JSON
constexpr int64_t latest_us = int64_t{1} << 52;

// What is wrong with a row; empty: nothing.
using Fault = std::string;

class RecordReader {
public:
    explicit RecordReader(std::string path) : path_(std::move(path)) {}
    Checked<Record> read();

private:
    using Step = Fault (RecordReader::*)();

    Fault open();
    Fault check_tables();
    Fault read_run();
    Fault read_figures();
    Fault read_paths();
    Fault read_probes();
    Fault read_events();
    Fault read_interfaces();
    Fault settle();

    Fault each(const std::string& sql, const std::function<Fault(const Statement&)>& take) const;
    Fault take_run(const Statement& row);
    Fault take_path(const Statement& row);
    Fault take_probe(const Statement& row);
    Fault take_event(const Statement& row);
    void settle_path(PathRecord& path, Nanos seen) const;

    std::string path_;
    std::optional<Database> database_;
    std::vector<Error> mistakes_;  // of the figures' JSON
    std::string figures_text_;
    Measurement figures_;
    Record record_;
};

Fault fault(std::string_view table, std::string_view column) {
    return fmt::format("table {}: {} has a value that it cannot have", table, column);
}

// Of a column that is of numbers alone; NULL reads as 0.
std::optional<int64_t> number_at(const Statement& row, int column) {
    sqlite3_value* const value = sqlite3_column_value(row.get(), column);
    const int type = sqlite3_value_type(value);
    const bool fits = type == SQLITE_INTEGER || type == SQLITE_NULL;
    return fits ? std::optional(sqlite3_value_int64(value)) : std::nullopt;
}

std::optional<UnixMicros> time_at(const Statement& row, int column) {
    const auto value = number_at(row, column);
    return value && *value >= 0 && *value <= latest_us ? value : std::nullopt;
}

std::optional<std::string> text_at(const Statement& row, int column) {
    std::string text = row.is(column, SQLITE_TEXT) ? row.text(column) : std::string(1, '\0');
    return is_ascii_text(text) ? std::optional(std::move(text)) : std::nullopt;
}

template <typename Row>
Fault take_numbers(const Statement& statement, int column, std::string_view table,
                   std::span<const Column<Row>> columns, Row& row) {
    for (const Column<Row>& one : columns) {
        const auto value = number_at(statement, column++);
        if (!value || *value < one.least || *value > one.most) {
            return fault(table, one.name);
        }
        one.set(row, *value);
    }
    return {};
}

Fault RecordReader::each(const std::string& sql,
                         const std::function<Fault(const Statement&)>& take) const {
    auto statement = database_->prepare(sql);
    if (!statement) {
        return statement.error().what;
    }
    for (int code = statement->step(); code != SQLITE_DONE; code = statement->step()) {
        Fault wrong = code == SQLITE_ROW ? take(*statement) : database_->error_text();
        if (!wrong.empty()) {
            return wrong;
        }
    }
    return {};
}

// One read transaction: what is added meanwhile is not seen in one table and missed in another.
Fault RecordReader::open() {
    struct stat state {};
    if (stat(path_.c_str(), &state) != 0 || !S_ISREG(state.st_mode)) {
        return "cannot be read, expected a file";
    }
    // Without its mutexes, which a day's rows would lock a hundred million times.
    auto database = Database::open(path_, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, Exit::usage);
    if (!database) {
        return database.error().what;
    }
    database_ = std::move(*database);
    sqlite3* const connection = database_->get();
    sqlite3_limit(connection, SQLITE_LIMIT_LENGTH, longest_value);
    sqlite3_limit(connection, SQLITE_LIMIT_ATTACHED, 0);
    sqlite3_db_config(connection, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
    sqlite3_db_config(connection, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
    constexpr int patience_ms = 5000;  // with a writer that is about to close it
    sqlite3_busy_timeout(connection, patience_ms);
    if (database_->execute("PRAGMA cell_size_check = ON; BEGIN; SELECT 1 FROM sqlite_schema")) {
        return {};
    }
    const bool beside = sqlite3_errcode(connection) == SQLITE_CANTOPEN;
    return database_->error_text() +
           (beside ? ": it was cut short, and cannot be read where nothing can be written; copy it "
                     "and its -wal elsewhere"
                   : "");
}

// Ours to the letter, and nothing beside them: no view, trigger or index.
Fault RecordReader::check_tables() {
    int64_t application = 0;
    int64_t version = 0;
    const auto into = [](int64_t& value) {
        return [&value](const Statement& row) {
            value = row.integer(0);
            return Fault();
        };
    };
    if (Fault wrong = each("PRAGMA application_id", into(application)); !wrong.empty()) {
        return wrong;
    }
    if (Fault wrong = each("PRAGMA user_version", into(version)); !wrong.empty()) {
        return wrong;
    }
    if (application != record_application_id) {
        return "is no record of probe";
    }
    if (version != record_version) {
        return fmt::format("is a record of version {}, expected {}", version, record_version);
    }
    std::vector<std::string> wanted = create_statements();
    std::erase_if(wanted, [](const std::string& sql) { return !sql.starts_with("CREATE"); });
    std::vector<std::string> tables;
    Fault wrong = each("SELECT sql FROM sqlite_schema", [&](const Statement& row) {
        tables.push_back(row.text(0));
        return tables.size() > wanted.size() ? "has other tables than a record" : Fault();
    });
    const bool ours = wrong.empty() && tables == wanted;
    return ours ? Fault() : wrong.empty() ? "has other tables than a record" : wrong;
}

Fault RecordReader::take_run(const Statement& row) {
    if (!record_.id.empty()) {
        return "table run: has more than one row";
    }
    const auto id = text_at(row, 0);
    const auto schema = text_at(row, 1);
    const auto host = text_at(row, 2);
    const auto program = text_at(row, 3);
    const auto kernel = text_at(row, 4);
    if (!id || id->empty() || schema != record_schema || !host || !program || !kernel) {
        return "table run: has a text that it cannot have";
    }
    const auto started = time_at(row, 6);
    const auto seen = time_at(row, 7);
    const auto ended = time_at(row, 8);
    if (!started || !seen || !ended || !row.is(5, SQLITE_TEXT)) {
        return "table run: has a time or a result that it cannot have";
    }
    record_.id = *id;
    record_.host = *host;
    record_.program = *program;
    record_.kernel = *kernel;
    record_.started = *started;
    record_.seen = *seen;
    record_.ended = row.is(8, SQLITE_NULL) ? std::nullopt : ended;
    figures_text_ = row.text(5);
    return {};
}

Fault RecordReader::read_run() {
    Fault wrong = each(select_run(), [this](const Statement& row) { return take_run(row); });
    return wrong.empty() && record_.id.empty() ? "table run: is empty, expected one row" : wrong;
}

Fault RecordReader::read_figures() {
    auto figures = parse_measurement(path_ + ": result", figures_text_);
    if (!figures) {
        mistakes_ = figures.error();
        return "its result is wrong";
    }
    figures_ = std::move(*figures);
    record_.plan = figures_.plan;
    record_.clock = figures_.clock;
    for (const Figures& path : figures_.kinds) {
        record_.paths.push_back({.path = path.path,
                                 .route = path.route,
                                 .route_changes = path.route_changes,
                                 .flow = path.flow});
    }
    if (record_.ended) {
        record_.result = figures_;
    }
    return {};
}

Fault RecordReader::take_path(const Statement& row) {
    const auto number = number_at(row, 0);
    if (!number || *number < 0 || *number >= static_cast<int64_t>(record_.paths.size())) {
        return fault("path", "path");
    }
    PathRecord& path = record_.paths[static_cast<size_t>(*number)];
    std::array<std::string, 7> texts;
    for (int i = 0; i < static_cast<int>(texts.size()); ++i) {
        auto text = text_at(row, i + 1);
        if (!text) {
            return "table path: has a text that it cannot have";
        }
        texts[static_cast<size_t>(i)] = std::move(*text);
    }
    const auto ports = parse_ports(texts[2]);
    if (!ports) {
        return fault("path", "source_ports");
    }
    path.source_ports = *ports;
    path.tally.icmp_error = texts[3];
    path.tally.send_error = texts[4];
    path.tally.no_way_out = texts[5];
    path.tally.too_big = texts[6];
    return take_numbers(row, 8, "path", path_columns(), path);
}

Fault RecordReader::read_paths() {
    return each(select_paths(), [this](const Statement& row) { return take_path(row); });
}

Fault RecordReader::take_probe(const Statement& row) {
    const auto number = number_at(row, 0);
    if (!number || *number < 0 || *number >= static_cast<int64_t>(record_.paths.size())) {
        return fault("probe", "path");
    }
    auto& probes = record_.paths[static_cast<size_t>(*number)].probes;
    ProbeRow probe;
    if (Fault wrong = take_numbers(row, 1, "probe", probe_columns(), probe); !wrong.empty()) {
        return wrong;
    }
    if (probe.index >= record_.plan.count ||
        (!probes.empty() && probe.index <= probes.back().index)) {
        return fault("probe", "idx");
    }
    probes.push_back(probe);
    return {};
}

// Room for what a file of this size can hold, as a day's rows are not to be moved about.
Fault RecordReader::read_probes() {
    constexpr size_t least_row = 32;  // bytes on the disk
    std::error_code gone;
    const size_t size = std::filesystem::file_size(path_, gone);
    const size_t most = gone ? 0 : size / least_row;
    for (PathRecord& path : record_.paths) {
        path.probes.reserve(std::min<size_t>(record_.plan.count, most / record_.paths.size()));
    }
    return each(select_probes(), [this](const Statement& row) { return take_probe(row); });
}

Fault RecordReader::take_event(const Statement& row) {
    const auto at = time_at(row, 0);
    const auto path = number_at(row, 1);
    const auto what = text_at(row, 2);
    const auto detail = text_at(row, 3);
    const bool of_all = row.is(1, SQLITE_NULL);
    const auto paths = static_cast<int64_t>(record_.paths.size());
    if (!at || !path || !what || !detail || *path < 0 || (!of_all && *path >= paths) ||
        record_.events.size() >= most_events) {
        return "table event: has a value that it cannot have";
    }
    record_.events.push_back(
        {.at = *at,
         .path = of_all ? std::nullopt : std::optional(static_cast<uint32_t>(*path)),
         .what = *what,
         .detail = *detail});
    return {};
}

// Sorted here: a damaged table need not have an end, and SQLite would look for it first.
Fault RecordReader::read_events() {
    Fault wrong = each(select_events(), [this](const Statement& row) { return take_event(row); });
    std::stable_sort(record_.events.begin(), record_.events.end(),
                     [](const auto& a, const auto& b) { return a.at < b.at; });
    return wrong;
}

Fault RecordReader::read_interfaces() {
    return each(select_interfaces(), [this](const Statement& row) {
        const auto index = number_at(row, 0);
        const auto name = text_at(row, 1);
        if (!index || !name || *index < 0 || *index > UINT32_MAX ||
            record_.interfaces.size() >= most_interfaces) {
            return Fault("table interface: has a value that it cannot have");
        }
        record_.interfaces[static_cast<uint32_t>(*index)] = *name;
        return Fault();
    });
}

void RecordReader::settle_path(PathRecord& path, Nanos seen) const {
    std::vector<Sample> samples;
    samples.reserve(path.probes.size());
    for (const ProbeRow& row : path.probes) {
        samples.push_back(row.sample);
    }
    const auto series =
        Series::restored(std::move(samples), path.tally, path.bound_to, path.repeats_after);
    const Nanos wait = record_.plan.wait;
    const std::vector<Fate> fates = fates_of(series, wait);
    for (size_t i = 0; i < fates.size(); ++i) {
        ProbeRow& row = path.probes[i];
        row.sample = series.samples()[i];  // its arrivals are counted through
        row.fate = fates[i];
        row.settled =
            record_.ended || seen_fate(series, row.sample, wait) || row.sample.sent + wait <= seen;
    }
}

Fault RecordReader::settle() {
    for (PathRecord& path : record_.paths) {
        settle_path(path, record_.seen * 1000);
    }
    return {};
}

Checked<Record> RecordReader::read() {
    for (const Step step :
         {&RecordReader::open, &RecordReader::check_tables, &RecordReader::read_run,
          &RecordReader::read_figures, &RecordReader::read_paths, &RecordReader::read_probes,
          &RecordReader::read_events, &RecordReader::read_interfaces, &RecordReader::settle}) {
        const Fault wrong = (this->*step)();
        if (!mistakes_.empty()) {
            return tl::unexpected(mistakes_);
        }
        if (!wrong.empty()) {
            return tl::unexpected(std::vector{Error{Exit::usage, path_, wrong}});
        }
    }
    return std::move(record_);
}

}  // namespace

bool is_database(const std::string& path) {
    constexpr std::string_view magic("SQLite format 3\0", 16);
    std::array<char, magic.size()> begin{};
    std::ifstream file(path, std::ios::binary);
    file.read(begin.data(), begin.size());
    return std::string_view(begin.data(), begin.size()) == magic;
}

Checked<Record> read_record(const std::string& path) {
    return RecordReader(path).read();
}

}  // namespace rehome::probe
