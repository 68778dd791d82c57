#include "cutover/bird/reply.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace rehome::cutover {

namespace {

constexpr size_t longest_reply = 16u << 20;

std::optional<int> parse_code(std::string_view line) {
    int code = 0;
    const char* end = line.data() + std::min<size_t>(line.size(), 4);
    const auto [rest, error] = std::from_chars(line.data(), end, code);
    const bool whole = error == std::errc() && rest == line.data() + 4 && code >= 0;
    return whole ? std::optional(code) : std::nullopt;
}

}  // namespace

bool BirdReply::has(int wanted) const {
    return std::any_of(lines.begin(), lines.end(),
                       [wanted](const BirdLine& line) { return line.code == wanted; });
}

Result<std::optional<BirdReply>> BirdReplyReader::take(std::string_view bytes) {
    taken_ += bytes.size();
    if (taken_ > longest_reply) {
        return fail(Exit::world, "", fmt::format("BIRD's reply is over {} bytes", longest_reply));
    }
    rest_ += bytes;
    size_t start = 0;
    for (size_t end = rest_.find('\n'); end != std::string::npos; end = rest_.find('\n', start)) {
        const auto last = take_line(std::string_view(rest_).substr(start, end - start));
        if (!last) {
            return tl::unexpected(last.error());
        }
        start = end + 1;
        if (*last) {
            return std::move(reply_);
        }
    }
    rest_.erase(0, start);
    return std::optional<BirdReply>();
}

Result<bool> BirdReplyReader::take_line(std::string_view line) {
    if (line.starts_with('+')) {
        return false;
    }
    if (line.starts_with(' ') && !reply_.lines.empty()) {
        reply_.lines.push_back({reply_.lines.back().code, std::string(line.substr(1))});
        return false;
    }
    const auto code = parse_code(line);
    if (!code || line.size() < 5 || (line[4] != ' ' && line[4] != '-')) {
        return fail(Exit::world, "",
                    in_quotes(line) + " is no line of BIRD's control protocol, expected NNNN text");
    }
    reply_.lines.push_back({*code, std::string(line.substr(5))});
    return line[4] == ' ';
}

}  // namespace rehome::cutover
