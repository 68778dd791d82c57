// Fuzzes health checks (libFuzzer, ASan, UBSan): the input is edits of how a server is checked, as
// a file would say it, their number in the first byte, and what that server answers, cut at each
// 0xff.
//
// Whatever is said, it is refused with mistakes that are a clean line each, or taken, and printed
// and read again as the same.  Whatever the answer, it does not matter how it is cut; a check ends
// once, and where it fails, it says why in a clean line.
#include <algorithm>

#include <nlohmann/json.hpp>

#include "common/vipd_config/config.h"
#include "tests/fuzz/json_edits.h"
#include "tests/fuzz/must.h"
#include "vipd/health/attempt.h"

namespace rehome::vipd {

namespace {

using nlohmann::json;

bool clean(const std::string& line) {
    return std::none_of(line.begin(), line.end(), [](char c) { return c >= 0 && c < ' '; });
}

// A file with one service that is checked so.
json file_with(const json& health) {
    json document = json::parse(R"({"schema": "rehome/vipd/1", "inventory": "i", "gateway": "g",
        "control": "/run/vipd.sock", "ports": [{"name": "p", "device": "null:"}], "lines": [],
        "services": [{"name": "s", "vip": "198.51.100.1", "protocol": "tcp", "port": 80,
            "forward": "nat", "servers": [{"name": "s1", "address": "10.0.0.1", "port": 80}]}]})");
    document["services"][0]["health"] = health;
    return document;
}

struct Heard {
    std::string sent;
    bool ended = false;
    bool ok = false;
    std::string why;  // if the server then closed

    bool operator==(const Heard&) const = default;
};

Heard hear(const HealthConfig& how, const std::vector<std::string_view>& pieces) {
    const CheckScript script(how);
    Attempt attempt(script);
    Heard heard;
    const auto take = [&](const Attempt::Next& next) {
        heard.sent += next.send;
        heard.ended = next.ended.has_value();
        heard.ok = heard.ended && next.ended->ok;
    };
    must(clean(attempt.on_timeout().why) && !attempt.on_timeout().ok);
    take(attempt.on_connected());
    for (const auto& piece : pieces) {
        if (!heard.ended) {
            take(attempt.on_bytes(piece));
        }
    }
    if (!heard.ended) {
        heard.why = attempt.on_closed().why;
        must(!heard.why.empty() && clean(heard.why) && clean(attempt.on_timeout().why));
    }
    return heard;
}

void check_answer(const HealthConfig& how, std::string answer) {
    std::vector<size_t> cuts;
    for (size_t at = 0; (at = answer.find('\xff', at)) != std::string::npos;) {
        answer.erase(at, 1);
        cuts.push_back(at);
    }
    std::vector<std::string_view> pieces, bytes;
    size_t from = 0;
    for (const size_t cut : cuts) {
        pieces.push_back(std::string_view(answer).substr(from, cut - from));
        from = cut;
    }
    pieces.push_back(std::string_view(answer).substr(from));
    for (size_t i = 0; i < answer.size(); ++i) {
        bytes.push_back(std::string_view(answer).substr(i, 1));
    }
    const Heard whole = hear(how, {answer});
    must(whole == hear(how, pieces) && whole == hear(how, bytes));
    must(!whole.ended || whole.ok);
}

const json& ways_to_check() {
    static const json all = json::parse(R"([
        {"kind": "script", "interval_ms": 400, "timeout_ms": 300, "rise": 2, "fall": 2, "all_down": "refuse",
            "script": [{"send": ["text:GET /", "hex:0d0a"]}, {"expect": ["text:abab", "hex:00"]},
                {"send": ["text:again"]}, {"expect": ["text:aab"]}]},
        {"kind": "udp", "port": 53, "script": [{"send": ["hex:00"]}, {"expect": ["text:aa"]}]},
        {"kind": "script", "script": [{"expect": ["text:a"]}, {"expect": ["text:b"]}, {"send": ["text:c"]}]},
        {"kind": "tcp", "jitter_percent": 0, "all_down": "other_sites"},
        {"kind": "none"}])");
    return all;
}

// Nothing: it is refused.
std::optional<HealthConfig> read(const json& said) {
    const auto read = parse_config_alone("f", file_with(said).dump());
    if (!read) {
        for (const Error& mistake : read.error()) {
            must(mistake.kind == Exit::usage && clean(mistake.text()));
        }
        return std::nullopt;
    }
    const HealthConfig& how = *read->services[0].health;
    must(how.timeout_ms <= how.interval_ms && how.rise > 0 && how.fall > 0);
    const auto again = parse_config_alone("f", file_with(json(to_json(how))).dump());
    must(again && (how.kind == HealthConfig::Kind::none || again->services[0].health == how));
    return how;
}

const std::vector<HealthConfig>& unedited() {
    static const auto all = [] {
        std::vector<HealthConfig> made;
        for (const json& way : ways_to_check()) {
            made.push_back(read(way).value());
        }
        return made;
    }();
    return all;
}

// A schema takes its time: answers alone need none.
void check(size_t way, std::span<const uint8_t> edits, const std::string& answer) {
    way %= unedited().size();
    const auto how =
        edits.empty() ? unedited()[way] : read(fuzz::edited(ways_to_check()[way], edits));
    if (how) {
        check_answer(*how, answer);
    }
}

}  // namespace

}  // namespace rehome::vipd

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size == 0) {
        return 0;
    }
    const std::span<const uint8_t> input(data + 1, size - 1);
    const size_t edits = data[0] < 192 ? 0 : std::min<size_t>(input.size(), data[0] / 8 % 8 * 4);
    const auto answer = input.subspan(edits);
    rehome::vipd::check(data[0] % 8, input.first(edits), {answer.begin(), answer.end()});
    return 0;
}
