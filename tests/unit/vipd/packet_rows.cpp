#include "tests/unit/vipd/packet_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <sstream>

#include <nlohmann/json.hpp>

#include "common/json/file.h"

namespace rehome::vipd::testing {

namespace {

struct Line {
    int number = 0;
    std::string text;
};

// The lines without comments and with those that go on joined.
std::vector<Line> lines_of(const std::string& text) {
    std::vector<Line> lines;
    std::istringstream in(text);
    std::string line;
    for (int number = 1; std::getline(in, line); ++number) {
        if (line.empty() || line[0] == '#') {
            continue;
        }
        if (line[0] == ' ' && !lines.empty()) {
            lines.back().text += line;
        } else {
            lines.push_back({number, line});
        }
    }
    return lines;
}

std::string take_word(std::string& text) {
    const size_t end = std::min(text.find(' '), text.size());
    const std::string word = text.substr(0, end);
    text.erase(0, std::min(text.find_first_not_of(' ', end), text.size()));
    return word;
}

class Reader {
public:
    Result<> read(const Line& line) {
        std::string rest = with_names(line.text);
        const std::string word = take_word(rest);
        if (word == "core") {
            rows.core = true;
            return {};
        }
        if (word == "settled") {
            rows.settled = true;
            return {};
        }
        if (word == "share") {
            rows.share = static_cast<unsigned>(std::stoul(rest));
            return {};
        }
        if (word == "config") {
            rows.config = rest;
            return nlohmann::json::accept(rest) ? Result<>() : wrong(line, "no JSON");
        }
        if (word == "let") {
            const std::string name = take_word(rest);
            names_["$" + name] = rest;
            return {};
        }
        if (word == "row") {
            rows.rows.push_back({rest, {}});
            return {};
        }
        if (rows.rows.empty()) {
            return wrong(line, "expected core, settled, share, config, let or row");
        }
        if (word == "order") {
            return order(line, rest);
        }
        if (word == "kernel") {
            auto packet = placed(line, rest);
            if (packet) {
                next_.of_kernel.push_back(std::move(*packet));
            }
            return packet ? before_next(line) : tl::unexpected(packet.error());
        }
        auto& steps = rows.rows.back().steps;
        if (word == "in") {
            auto packet = placed(line, rest);
            if (!packet) {
                return tl::unexpected(packet.error());
            }
            steps.push_back(std::exchange(next_, {}));
            steps.back().line = line.number;
            steps.back().in = std::move(*packet);
            return {};
        }
        return steps.empty() ? wrong(line, "expected in") : result(line, word, rest, steps.back());
    }

    PacketRows rows;
    std::string path;

private:
    // Nobody gives orders, and no kernel waits, while the real binary reads a file's packets.
    Result<> before_next(const Line& line) const {
        return rows.core ? Result<>() : wrong(line, "is for the core alone");
    }

    Result<> order(const Line& line, std::string rest) {
        const std::string said = take_word(rest);
        const auto mode = disable_mode_of(said);
        const auto level = level_of(take_word(rest));
        if ((!mode && said != "enable") || mode == DisableMode::weak || !level || rest.empty()) {
            return wrong(line, "expected mask, strong or enable, a level and a name");
        }
        next_.orders.push_back({mode, {*level, rest}});
        return before_next(line);
    }

    Result<> result(const Line& line, const std::string& word, const std::string& rest,
                    PacketStep& step) {
        if (word == "out") {
            auto packet = placed(line, rest);
            if (!packet) {
                return tl::unexpected(packet.error());
            }
            step.out.push_back(std::move(*packet));
        } else if (word == "drop") {
            const auto found = std::find_if(drop_names.begin(), drop_names.end(),
                                            [&](const auto& drop) { return drop.name == rest; });
            if (found == drop_names.end()) {
                return wrong(line, "no reason to drop a packet");
            }
            step.drops.push_back(found->drop);
        } else if (word == "punt") {
            step.punt = true;
        } else if (word == "kept") {
            step.kept = true;
        } else {
            return wrong(line, "expected in, order, kernel, out, drop, punt, kept or row");
        }
        return {};
    }

    Result<PlacedPacket> placed(const Line& line, std::string rest) {
        const std::string place = take_word(rest);
        auto packet = parse_packet_text(rest);
        if (!packet) {
            return wrong(line, packet.error().what + ": " + rest);
        }
        return PlacedPacket{place, std::move(*packet)};
    }

    // Longest names first, so that $old2 is not $old.
    std::string with_names(std::string text) const {
        for (auto name = names_.rbegin(); name != names_.rend(); ++name) {
            for (size_t at = 0; (at = text.find(name->first, at)) != std::string::npos;
                 at += name->second.size()) {
                text.replace(at, name->first.size(), name->second);
            }
        }
        return text;
    }

    tl::unexpected<Error> wrong(const Line& line, const std::string& what) const {
        return fail(Exit::usage, fmt::format("{}:{}", path, line.number), what);
    }

    std::map<std::string, std::string> names_;
    PacketStep next_;  // what comes before its packet
};

}  // namespace

Result<PacketRows> read_packet_rows(const std::string& path) {
    const auto text = read_file(path, 1U << 22);
    if (!text) {
        return tl::unexpected(text.error());
    }
    Reader reader;
    reader.path = path;
    for (const Line& line : lines_of(*text)) {
        if (auto done = reader.read(line); !done) {
            return tl::unexpected(done.error());
        }
    }
    for (const auto& row : reader.rows.rows) {
        for (const auto& step : row.steps) {
            if (step.out.empty() && step.drops.empty() && !step.punt && !step.kept) {
                return fail(Exit::usage, fmt::format("{}:{}", path, step.line),
                            "what becomes of it is not said");
            }
        }
    }
    return std::move(reader.rows);
}

}  // namespace rehome::vipd::testing
