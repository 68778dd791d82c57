// See database.h.
#include "probe/adapter/database.h"

namespace rehome::probe {

std::string Statement::text(int column) const {
    const auto* const bytes = sqlite3_column_text(get(), column);
    const int size = sqlite3_column_bytes(get(), column);
    return bytes == nullptr
               ? std::string()
               : std::string(reinterpret_cast<const char*>(bytes), static_cast<size_t>(size));
}

Result<Database> Database::open(const std::string& path, int flags, Exit kind) {
    sqlite3* connection = nullptr;
    const int code = sqlite3_open_v2(path.c_str(), &connection, flags, nullptr);
    Database database(path, connection, kind);
    if (code != SQLITE_OK) {
        return tl::unexpected(connection != nullptr ? database.error()
                                                    : Error{kind, path, sqlite3_errstr(code)});
    }
    return database;
}

bool Database::execute(const std::string& sql) {
    return sqlite3_exec(get(), sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK;
}

Result<Statement> Database::prepare(const std::string& sql) const {
    sqlite3_stmt* statement = nullptr;
    if (sqlite3_prepare_v2(get(), sql.c_str(), static_cast<int>(sql.size()), &statement, nullptr) !=
        SQLITE_OK) {
        return tl::unexpected(error());
    }
    return Statement(statement);
}

}  // namespace rehome::probe
