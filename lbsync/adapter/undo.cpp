#include "lbsync/adapter/undo.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "common/sha256.h"
#include "lbsync/adapter/remote.h"
#include "lbsync/plan/batch.h"

namespace rehome::lbsync {

namespace {

std::string title(const SavedTable& table) {
    return fmt::format("{}: table {} {}", table.host, table.family, table.name);
}

// A table's digest now; empty when there is none, and no digest at all of what is not understood.
std::string digest_now(const Reading& reading, const SavedTable& table) {
    for (const Doubt& doubt : reading.doubts) {
        if (doubt.where == title(table) || doubt.where.starts_with(title(table) + ":")) {
            return "unknown";
        }
    }
    return digest_of(reading.ruleset, table.family, table.name);
}

tl::unexpected<Error> changed_since(std::string where) {
    return fail(Exit::world, std::move(where),
                "has been changed since the apply, expected what the apply made of it (--force "
                "puts it back all the same)");
}

class Undo {
public:
    explicit Undo(Force force) : force_(force) {}

    void file(const SavedFile& saved) {
        const std::string where = saved.host + ": " + saved.path;
        const auto remote = Remote::to(saved.host);
        const auto done = remote ? put_back(*remote, saved, where) : tl::unexpected(remote.error());
        if (!done) {
            told(tl::unexpected(done.error()), where);
        } else if (*done) {
            told({}, where);
        }
    }

    // All the tables of one host in one transaction.
    void host(const std::string& name, const std::vector<SavedTable>& tables) {
        const auto remote = Remote::to(name);
        const auto reading = remote ? remote->ruleset() : tl::unexpected(remote.error());
        if (!reading) {
            result_.left_undone.push_back(reading.error());
            return;
        }
        std::string batch;
        std::vector<SavedTable> touched;
        for (const SavedTable& table : tables) {
            const std::string now = digest_now(*reading, table);
            if (now != table.before_sha256 && now != table.after_sha256 && !force_.tables) {
                told(changed_since(title(table)), "");
            } else if (now != table.before_sha256) {
                batch += restore_batch(table.family, table.name, table.before);
                touched.push_back(table);
            }
        }
        if (!touched.empty()) {
            restore(*remote, batch, touched);
        }
    }

    Undone take() { return std::move(result_); }

private:
    // Whether there was anything to put back.
    Result<bool> put_back(const Remote& remote, const SavedFile& saved, const std::string& where) {
        const auto now = remote.read_file(saved.path);
        if (!now) {
            return tl::unexpected(now.error());
        }
        if (*now != saved.before) {
            if (sha256(*now) != saved.after_sha256 && !force_.files) {
                return changed_since(where);
            }
            if (auto done = remote.write_file(saved.path, saved.before, sha256(*now)); !done) {
                return tl::unexpected(done.error());
            }
        }
        // Even when the file is right: the apply may have ended between the file and the reload.
        if (saved.socket.empty()) {
            return *now != saved.before;
        }
        return remote.reload(saved.socket).map([] { return true; });
    }

    void restore(const Remote& remote, const std::string& batch,
                 const std::vector<SavedTable>& tables) {
        const auto done = remote.run_batch(batch);
        const auto reading = done ? remote.ruleset() : tl::unexpected(done.error());
        for (const SavedTable& table : tables) {
            if (!reading) {
                told(tl::unexpected(reading.error()), title(table));
            } else if (digest_now(*reading, table) != table.before_sha256) {
                told(fail(Exit::world, title(table), "does not read back as it was"), "");
            } else {
                told({}, title(table));
            }
        }
    }

    void told(const Result<>& done, const std::string& what) {
        if (done) {
            result_.done.push_back(what);
        } else {
            result_.left_undone.push_back(done.error());
        }
    }

    Force force_;
    Undone result_;
};

}  // namespace

Undone undo(const Saved& saved, Force force) {
    Undo run(force);
    for (auto file = saved.files.rbegin(); file != saved.files.rend(); ++file) {
        run.file(*file);
    }
    std::vector<std::string> hosts;
    std::map<std::string, std::vector<SavedTable>> tables;
    for (const SavedTable& table : saved.tables) {
        if (tables[table.host].empty()) {
            hosts.push_back(table.host);
        }
        tables[table.host].push_back(table);
    }
    for (auto host = hosts.rbegin(); host != hosts.rend(); ++host) {
        run.host(*host, tables[*host]);
    }
    return run.take();
}

}  // namespace rehome::lbsync
