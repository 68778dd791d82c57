// See record_writer.h.
#include "probe/adapter/record_writer.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstring>
#include <map>
#include <vector>

#include "common/clock.h"
#include "probe/adapter/database.h"
#include "probe/adapter/system_error.h"
#include "probe/adapter/writer_child.h"
#include "probe/core/record_schema.h"

namespace rehome::probe {

namespace {

constexpr int64_t commit_every_us = 300'000;

class RecordWriter {
public:
    RecordWriter(const Fd& channel, std::string path, Database database)
        : channel_(channel), path_(std::move(path)), database_(std::move(database)) {}

    static void run(const Fd& channel, const std::string& path);

private:
    bool create();
    bool put(const Message& message);
    bool begin();
    bool commit();
    void take(std::string_view piece);
    void fail_with(const std::string& why);
    void sync();
    void count_probe(const Message& probe);
    void tell_failure();
    std::optional<WriterChild::Limit> until_commit() const;
    void serve();
    void commit_in_time();
    void close();

    const Fd& channel_;
    std::string path_;
    Database database_;
    std::vector<Statement> statements_;
    MessageReader reader_;
    Message message_;
    int64_t commit_at_us_ = 0;         // 0: there is nothing to commit
    std::map<int64_t, int64_t> next_;  // index of the next new probe, by path
    uint64_t rows_ = 0;                // of probes
    uint64_t committed_ = 0;           // of these
    std::string failure_;              // empty: none
    bool failure_told_ = false;
};

bool say(const Fd& channel, const WriterWord& word) {
    return answer(channel, to_bytes(word));
}

// WAL is made together with its folder's entry for both files (SQLite syncs the folder then).
bool RecordWriter::create() {
    const std::string pragmas = "PRAGMA application_id = " + std::to_string(record_application_id) +
                                "; PRAGMA user_version = " + std::to_string(record_version) +
                                "; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; BEGIN";
    bool good = database_.execute(pragmas);
    for (const std::string& sql : create_statements()) {
        good = good && database_.execute(sql);
    }
    good = good && database_.execute("COMMIT; PRAGMA wal_checkpoint(TRUNCATE)");
    for (const std::string& sql : put_statements()) {
        auto statement = good ? database_.prepare(sql) : tl::unexpected(Error{});
        good = statement.has_value();
        statements_.push_back(good ? std::move(*statement) : Statement());
    }
    return good;
}

bool RecordWriter::begin() {
    if (commit_at_us_ == 0) {
        commit_at_us_ = monotonic_us() + commit_every_us;
        return database_.execute("BEGIN");
    }
    return true;
}

bool RecordWriter::commit() {
    if (std::exchange(commit_at_us_, 0) == 0) {
        return true;
    }
    const bool good = database_.execute("COMMIT");
    committed_ = good ? rows_ : committed_;
    return good;
}

// A path's probes come in the order of sending at first, and again when more is known of them.
void RecordWriter::count_probe(const Message& probe) {
    const auto* const path = std::get_if<int64_t>(&probe.values.at(1));
    const auto* const index = std::get_if<int64_t>(&probe.values.at(2));
    if (path != nullptr && index != nullptr && *index >= next_[*path]) {
        next_[*path] = *index + 1;
        ++rows_;
    }
}

bool bind(sqlite3_stmt* statement, int index, const MessageValue& value) {
    if (const auto* number = std::get_if<int64_t>(&value)) {
        return sqlite3_bind_int64(statement, index, *number) == SQLITE_OK;
    }
    if (const auto* text = std::get_if<std::string_view>(&value)) {
        return sqlite3_bind_text64(statement, index, text->data(), text->size(), SQLITE_STATIC,
                                   SQLITE_UTF8) == SQLITE_OK;
    }
    return sqlite3_bind_null(statement, index) == SQLITE_OK;
}

// False: the database failed, or the message is none that we send.
bool RecordWriter::put(const Message& message) {
    if (message.statement >= statements_.size() || !begin()) {
        return false;
    }
    Statement& statement = statements_[message.statement];
    const auto count = static_cast<int>(message.values.size());
    bool good = count == sqlite3_bind_parameter_count(statement.get());
    for (int i = 0; i < count && good; ++i) {
        good = bind(statement.get(), i + 1, message.values[static_cast<size_t>(i)]);
    }
    good = good && statement.step() == SQLITE_DONE;
    statement.reset();
    if (good && message.statement == static_cast<uint8_t>(Put::probe)) {
        count_probe(message);
    }
    return good;
}

void RecordWriter::fail_with(const std::string& why) {
    failure_ = path_ + ": " + why;
    database_.execute("ROLLBACK");
    commit_at_us_ = 0;
    tell_failure();
}

// Until the channel has room for it.
void RecordWriter::tell_failure() {
    if (!failure_.empty() && !failure_told_) {
        failure_told_ = say(channel_, {.letter = 'e', .rows = committed_, .text = failure_});
    }
}

void RecordWriter::sync() {
    if (!commit()) {
        fail_with(database_.error_text());
        return;
    }
    say(channel_, {.letter = 's', .rows = committed_});
}

void RecordWriter::take(std::string_view piece) {
    reader_.feed(piece);
    while (failure_.empty() && reader_.next(message_)) {
        if (message_.statement == static_cast<uint8_t>(Put::sync)) {
            sync();
        } else if (!put(message_)) {
            fail_with(database_.error_text());
        }
    }
    if (failure_.empty() && reader_.broken()) {
        fail_with("what came to be written is damaged");
    }
}

std::optional<WriterChild::Limit> RecordWriter::until_commit() const {
    if (commit_at_us_ == 0) {
        return std::nullopt;
    }
    return WriterChild::Limit(std::max<int64_t>(0, (commit_at_us_ - monotonic_us() + 999) / 1000));
}

// After a failure the rest is read and thrown away, so that the sender never waits.
void RecordWriter::serve() {
    std::string room;
    for (auto piece = next_piece(channel_, room, until_commit()); !piece || !piece->empty();
         piece = next_piece(channel_, room, until_commit())) {
        if (piece && failure_.empty()) {
            take(*piece);
        }
        tell_failure();
        if (commit_at_us_ != 0 && monotonic_us() >= commit_at_us_) {
            commit_in_time();
        }
    }
    close();
}

void RecordWriter::commit_in_time() {
    if (commit()) {
        say(channel_, {.letter = 'c', .rows = committed_});
    } else {
        fail_with(database_.error_text());
    }
}

// Left in rollback mode, the file can be read where nothing can be written beside it.  Somebody who
// reads it just now keeps it from that, and does no other harm.
void RecordWriter::close() {
    if (!commit()) {
        fail_with(database_.error_text());
    }
    auto run = database_.prepare("SELECT 1 FROM run");
    const bool empty = run && run->step() == SQLITE_DONE;
    run = Statement();
    statements_.clear();
    if (failure_.empty()) {
        database_.execute("PRAGMA journal_mode = DELETE");
    }
    if (failure_.empty() && empty) {
        unlink(path_.c_str());  // nothing was sent: there is nothing to keep
    }
}

// A record is evidence: what is there is never written over.
Result<Database> create_file(const std::string& path) {
    const Fd created(open(path.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644));
    if (!created) {
        if (errno == EEXIST) {
            return fail(Exit::usage, path, "is there already, expected a new file's name");
        }
        return fail_system(path, "the record cannot be written");
    }
    return Database::open(path, SQLITE_OPEN_READWRITE, Exit::world);
}

void RecordWriter::run(const Fd& channel, const std::string& path) {
    auto database = create_file(path);
    if (!database) {
        const Error& error = database.error();
        say(channel, {.letter = error.kind == Exit::usage ? 'u' : 'e', .text = error.text()});
        return;
    }
    RecordWriter writer(channel, path, std::move(*database));
    if (!writer.create()) {
        writer.fail_with(writer.database_.error_text());
        unlink(path.c_str());
        return;
    }
    say(channel, {.letter = 'o'});
    writer.serve();
}

}  // namespace

void write_record(const Fd& channel, const std::string& path) {
    RecordWriter::run(channel, path);
}

std::string to_bytes(const WriterWord& word) {
    std::string bytes(1, word.letter);
    bytes.append(reinterpret_cast<const char*>(&word.rows), sizeof word.rows);
    return bytes + word.text;
}

WriterWord parse_word(const std::string& bytes) {
    WriterWord word;
    if (bytes.size() >= 1 + sizeof word.rows) {
        word.letter = bytes[0];
        std::memcpy(&word.rows, bytes.data() + 1, sizeof word.rows);
        word.text = bytes.substr(1 + sizeof word.rows);
    }
    return word;
}

}  // namespace rehome::probe
