#include "lbsync/adapter/undo.h"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

#include "common/sha256.h"
#include "lbsync/adapter/at_once.h"
#include "lbsync/adapter/remote.h"
#include "lbsync/iptables/host_dump.h"
#include "lbsync/iptables/pieces.h"
#include "lbsync/plan/batch.h"

namespace rehome::lbsync {

namespace {

std::string title(const SavedTable& table) {
    return iptables::is_piece(table.family)
               ? fmt::format("{}: {}", table.host, iptables::title(table.family, table.name))
               : fmt::format("{}: table {} {}", table.host, table.family, table.name);
}

// A table's digest now; empty when there is none, and no digest at all of what is not understood.
std::string digest_now(const Reading& reading, const SavedTable& table) {
    for (const Doubt& doubt : reading.doubts) {
        if (doubt.where == title(table) || doubt.where.starts_with(title(table) + ":")) {
            return "unknown";
        }
    }
    if (iptables::is_piece(table.family) && !reading.iptables) {
        return "unknown";
    }
    const iptables::Dump none;
    return digest_of(reading.ruleset, reading.iptables ? reading.iptables->dump : none,
                     table.family, table.name);
}

tl::unexpected<Error> changed_since(std::string where) {
    return fail(Exit::world, std::move(where),
                "has been changed since the apply, expected what the apply made of it (--force "
                "puts it back all the same)");
}

// Puts back what one host had, and keeps what became of it.
class HostUndo {
public:
    HostUndo(std::string host, Force force) : host_(std::move(host)), force_(force) {}

    const std::string& host() const { return host_; }

    void files(const std::vector<SavedFile>& files) {
        for (auto file = files.rbegin(); file != files.rend(); ++file) {
            if (file->host == host_) {
                put_back(*file);
            }
        }
    }

    // All of them in one transaction.
    void tables(const std::vector<SavedTable>& all) {
        std::vector<SavedTable> tables;
        std::copy_if(all.begin(), all.end(), std::back_inserter(tables),
                     [&](const SavedTable& table) { return table.host == host_; });
        if (tables.empty()) {
            return;
        }
        const auto remote = Remote::to(host_);
        const auto reading = remote ? remote->ruleset() : tl::unexpected(remote.error());
        if (!reading) {
            result_.left_undone.push_back(reading.error());
            return;
        }
        std::erase_if(tables,
                      [&](const SavedTable& table) { return !to_put_back(table, *reading); });
        if (!tables.empty()) {
            restore(*remote, *reading, tables);
        }
    }

    Undone take() { return std::move(result_); }

private:
    void put_back(const SavedFile& saved) {
        const std::string where = saved.host + ": " + saved.path;
        const auto remote = Remote::to(saved.host);
        const auto done = remote ? put_back(*remote, saved, where) : tl::unexpected(remote.error());
        if (!done) {
            told(tl::unexpected(done.error()), where);
        } else if (*done) {
            told({}, where);
        }
    }

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

    bool to_put_back(const SavedTable& table, const Reading& reading) {
        const std::string now = digest_now(reading, table);
        if (now != table.before_sha256 && now != table.after_sha256 && !force_.tables) {
            told(changed_since(title(table)), "");
            return false;
        }
        return now != table.before_sha256;
    }

    void restore(const Remote& remote, const Reading& before,
                 const std::vector<SavedTable>& tables) {
        auto done = restore_pieces(remote, before, tables);
        if (done) {
            done = restore_nft(remote, before, tables);
        }
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

    Result<> restore_nft(const Remote& remote, const Reading& before,
                         const std::vector<SavedTable>& tables) {
        std::string batch;
        for (const SavedTable& table : tables) {
            batch += iptables::is_piece(table.family)
                         ? ""
                         : restore_batch(table.family, table.name, table.before);
        }
        if (batch.empty()) {
            return {};
        }
        const std::string kept = learned_now(remote, before, tables);
        auto done = remote.run_batch(batch + kept);
        if (!done && !kept.empty()) {
            told(fail(Exit::world, host_,
                      "what rules had added to sets cannot be kept: " + done.error().what),
                 "");
            done = remote.run_batch(batch);
        }
        return done;
    }

    // What iptables and ipset had.
    static Result<> restore_pieces(const Remote& remote, const Reading& now,
                                   const std::vector<SavedTable>& tables) {
        if (!now.iptables) {
            return {};
        }
        iptables::Dump wanted = now.iptables->dump;
        for (const SavedTable& table : tables) {
            auto changed = iptables::is_piece(table.family)
                               ? with(wanted, table.family, table.name, table.before)
                               : Checked<iptables::Dump>(wanted);
            if (!changed) {
                return tl::unexpected(changed.error().front());
            }
            wanted = std::move(*changed);
        }
        const auto steps = iptables::steps(now.iptables->dump, wanted);
        if (!steps) {
            return fail(Exit::world, remote.name(), steps.error());
        }
        return remote.run_steps(*steps);
    }

    std::string learned_now(const Remote& remote, const Reading& before,
                            const std::vector<SavedTable>& tables) {
        const bool any = std::any_of(tables.begin(), tables.end(), [](const SavedTable& table) {
            return !table.learned.empty();
        });
        const auto learned = any ? remote.learned(before.ruleset)
                                 : Result<std::vector<Learned>>(std::vector<Learned>{});
        std::string text;
        for (const SavedTable& table : tables) {
            text += learned_text(table, learned ? *learned : std::vector<Learned>{});
        }
        return text;
    }

    void told(const Result<>& done, const std::string& what) {
        if (done) {
            result_.done.push_back(what);
        } else {
            result_.left_undone.push_back(done.error());
        }
    }

    std::string host_;
    Force force_;
    Undone result_;
};

}  // namespace

std::vector<std::string> hosts_of(const Saved& saved) {
    std::vector<std::string> hosts;
    const auto add = [&hosts](const auto& one) {
        if (std::find(hosts.begin(), hosts.end(), one.host) == hosts.end()) {
            hosts.push_back(one.host);
        }
    };
    std::for_each(saved.tables.begin(), saved.tables.end(), add);
    std::for_each(saved.files.begin(), saved.files.end(), add);
    return hosts;
}

Undone undo(const Saved& saved, Force force, unsigned at_once) {
    std::vector<HostUndo> hosts;
    for (const std::string& host : hosts_of(saved)) {
        hosts.emplace_back(host, force);
    }
    std::vector<Task> files;
    std::vector<Task> tables;
    for (HostUndo& host : hosts) {
        files.emplace_back([&] { host.files(saved.files); });
        tables.emplace_back([&] { host.tables(saved.tables); });
    }
    run_at_once(files, at_once, "putting files back");
    run_at_once(tables, at_once, "putting tables back");
    Undone all;
    for (HostUndo& host : hosts) {
        Undone one = host.take();
        std::move(one.done.begin(), one.done.end(), std::back_inserter(all.done));
        std::move(one.left_undone.begin(), one.left_undone.end(),
                  std::back_inserter(all.left_undone));
    }
    return all;
}

}  // namespace rehome::lbsync
