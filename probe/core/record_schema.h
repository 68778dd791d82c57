// The record's tables (probe-record(5)): their columns, and the statements that fill and read them.
//
// A column of numbers stands once, in probe_columns or path_columns: the statements, the writer and
// the reader follow.  Nanoseconds end in _ns, microseconds in _us; both are since 1970 in UTC
// where they are times.  What changes a column raises `record_version`.  Pure.
#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "probe/core/record.h"
#include "probe/core/record_message.h"

namespace rehome::probe {

constexpr int32_t record_application_id = 0x72686f70;  // "rhop"
constexpr int32_t record_version = 1;
constexpr std::string_view record_schema = "rehome/probe-record/1";

// A number of a row.  Outside of least and most no row that we wrote has it.
template <typename Row>
struct Column {
    const char* name;
    int64_t (*get)(const Row&);
    void (*set)(Row&, int64_t);
    int64_t least;
    int64_t most;
    bool zero_is_null = false;  // 0 means that it is not known
};

std::span<const Column<ProbeRow>> probe_columns();
std::span<const Column<PathRecord>> path_columns();

// What creates the tables, in this order.
std::vector<std::string> create_statements();

// The statements of the writer; a message's statement is one of these, its values are its
// parameters.  `sync` is none: it asks the writer to commit and to say how far it is.
enum class Put : uint8_t { run, seen, figures, ended, path, probe, event, interface, sync };
std::vector<std::string> put_statements();  // but sync

// What fills them.  paths: how many there are.
void put_run(std::string& out, const Record& record, std::string_view result);
void put_seen(std::string& out, UnixMicros seen);
void put_figures(std::string& out, std::string_view result);  // as far as they are known
void put_ended(std::string& out, UnixMicros ended, std::string_view result);
void put_path(std::string& out, uint32_t number, const PathRecord& path);
// fate: nothing where it is not known yet.
void put_probe(std::string& out, uint32_t path, size_t paths, const ProbeRow& row,
               std::optional<Fate> fate);
void put_event(std::string& out, const RecordEvent& event);
void put_interface(std::string& out, uint32_t index, const std::string& name);
void put_sync(std::string& out);

// The statements of the reader, in the tables' order.
std::string select_run();
std::string select_paths();   // number, the texts, then path_columns
std::string select_probes();  // path, then probe_columns
std::string select_events();
std::string select_interfaces();

// Texts in a record are printable ASCII and of bounded length; what is not becomes so.
bool is_ascii_text(std::string_view text);
std::string ascii_text(std::string_view text);

// "61000-62999 63001", as ports stand in a path's row; nothing when it is no such list.
std::string ports_text(const std::vector<uint16_t>& ports);
std::optional<std::vector<uint16_t>> parse_ports(std::string_view text);

}  // namespace rehome::probe
