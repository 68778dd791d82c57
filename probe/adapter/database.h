// SQLite's connection and statement with one owner each; errors as values.  Not thread-safe.
#pragma once

#include <sqlite3.h>

#include <memory>
#include <string>
#include <string_view>

#include "common/error.h"

namespace rehome::probe {

class Statement {
public:
    Statement() = default;
    explicit Statement(sqlite3_stmt* statement) : statement_(statement) {}

    sqlite3_stmt* get() const { return statement_.get(); }
    // SQLITE_ROW, SQLITE_DONE, or why not.
    int step() { return sqlite3_step(get()); }
    void reset() { sqlite3_reset(get()); }

    bool is(int column, int type) const { return sqlite3_column_type(get(), column) == type; }
    int64_t integer(int column) const { return sqlite3_column_int64(get(), column); }
    std::string text(int column) const;

private:
    struct Finalize {
        void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
    };
    std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

class Database {
public:
    // kind: of the error when it cannot be opened.  flags: as of sqlite3_open_v2.
    static Result<Database> open(const std::string& path, int flags, Exit kind);

    sqlite3* get() const { return connection_.get(); }
    bool execute(const std::string& sql);  // why not: error_text
    Result<Statement> prepare(const std::string& sql) const;
    std::string error_text() const { return sqlite3_errmsg(get()); }
    Error error() const { return {kind_, path_, error_text()}; }

private:
    Database(std::string path, sqlite3* connection, Exit kind)
        : path_(std::move(path)), connection_(connection), kind_(kind) {}

    struct Close {
        void operator()(sqlite3* connection) const { sqlite3_close_v2(connection); }
    };
    std::string path_;
    std::unique_ptr<sqlite3, Close> connection_;
    Exit kind_;
};

}  // namespace rehome::probe
