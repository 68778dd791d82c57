#include "lbsync/iptables/host_dump.h"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

#include "lbsync/iptables/read.h"

namespace rehome::lbsync::iptables {

namespace {

class Reader {
public:
    Reader(const Told& told, const std::string& where) : told_(told), where_(where) {}

    HostDump read() {
        for (const auto& [what, why] : told_.unread) {
            doubt(what, why);
        }
        for (const std::string_view program : programs) {
            take(program, family_of(program));
        }
        for (const std::string_view program : plain_programs) {
            take(program, family_of(program));
        }
        if (take(set_program, {})) {
            result_.dump.has_sets = true;
        }
        for (const std::string_view list : legacy_lists) {
            legacy(list);
        }
        return std::move(result_);
    }

private:
    static Family family_of(std::string_view program) {
        return program.starts_with("ip6") ? Family::v6 : Family::v4;
    }

    void doubt(std::string_view what, const std::string& why) {
        result_.doubts.push_back({fmt::format("{}: {}", where_, what), why});
    }

    bool take(std::string_view program, std::optional<Family> family) {
        const auto said = told_.said.find(std::string(program));
        if (said == told_.said.end()) {
            return false;
        }
        keep(read_dump(said->second, fmt::format("{}: {}", where_, program), family));
        return true;
    }

    void keep(Checked<Dump> read) {
        if (!read) {
            for (const Error& mistake : read.error()) {
                result_.doubts.push_back({mistake.where, mistake.what});
            }
            return;
        }
        Dump& dump = result_.dump;
        std::move(read->saves.begin(), read->saves.end(), std::back_inserter(dump.saves));
        std::move(read->sets.begin(), read->sets.end(), std::back_inserter(dump.sets));
        std::move(read->warnings.begin(), read->warnings.end(), std::back_inserter(dump.warnings));
        dump.has_sets |= read->has_sets;
    }

    void legacy(std::string_view list) {
        const auto said = told_.said.find(std::string(list));
        std::string_view text = said == told_.said.end() ? std::string_view() : said->second;
        while (!text.empty()) {
            const std::string_view table = text.substr(0, text.find('\n'));
            text.remove_prefix(std::min(table.size() + 1, text.size()));
            if (!table.empty() && !has(family_of(list.substr(list.rfind('/') + 1)), table)) {
                doubt(list, fmt::format("the legacy backend has a table {}, which nothing there "
                                        "prints",
                                        table));
            }
        }
    }

    bool has(Family family, std::string_view table) const {
        const auto& saves = result_.dump.saves;
        return std::any_of(saves.begin(), saves.end(), [&](const Save& save) {
            return save.family == family && save.backend == Backend::legacy &&
                   std::any_of(save.tables.begin(), save.tables.end(),
                               [&](const Table& other) { return other.name == table; });
        });
    }

    const Told& told_;
    const std::string& where_;
    HostDump result_;
};

}  // namespace

HostDump host_dump(const Told& told, const std::string& where) {
    return Reader(told, where).read();
}

}  // namespace rehome::lbsync::iptables
