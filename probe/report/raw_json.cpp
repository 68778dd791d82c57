// A record as JSON ("rehome/probe-raw/1"): a head, then a list a probe, path by path.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "probe/report/escape.h"
#include "probe/report/raw.h"
#include "probe/report/raw_rows.h"

namespace rehome::probe {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view columns =
    R"(["index","sent_ns","rtt_ns","end","size","ttl","out","in","flags","reflector_ns"])";

std::string nanoseconds_utc(Nanos time) {
    std::string text = iso8601(time / 1000);
    text.pop_back();
    return fmt::format("{}{:03}Z", text, time % 1000);
}

// Without the closing brace: the paths follow.
std::string head(const Record& record, Nanos begin) {
    Json json = {{"schema", "rehome/probe-raw/1"},
                 {"id", plain(record.id)},
                 {"carrier", plain(record.plan.carrier)},
                 {"host", plain(record.host)},
                 {"program", plain(record.program)},
                 {"kernel", plain(record.kernel)},
                 {"begin", nanoseconds_utc(begin)},
                 {"interfaces", Json::object()},
                 {"events", Json::array()}};
    for (const auto& [index, name] : record.interfaces) {
        json["interfaces"][std::to_string(index)] = plain(name);
    }
    for (const RecordEvent& event : record.events) {
        json["events"].push_back({{"at", iso8601(event.at)},
                                  {"path", event.path ? Json(*event.path) : Json(nullptr)},
                                  {"what", plain(event.what)},
                                  {"detail", plain(event.detail)}});
    }
    std::string text = json.dump();
    text.pop_back();
    return fmt::format("{},\n\"columns\":{},\n\"paths\":[", text, columns);
}

// Without the closing bracket of its probes.
std::string path_head(const PathRecord& path) {
    std::vector<std::string> services;
    for (const std::string& service : path.path.services) {
        services.push_back(plain(service));
    }
    const Json json = {{"kind", name(path.path.kind)},
                       {"target", path.path.target_text()},
                       {"services", services},
                       {"flow", plain(path.flow)},
                       {"dscp", path.dscp}};
    std::string text = json.dump();
    text.pop_back();
    return text + ",\"probes\":[";
}

void add_or_null(Nanos time, bool known, std::string& out) {
    if (known) {
        add_number(out, time);
    } else {
        out += "null";
    }
}

class JsonData final : public RawData {
public:
    explicit JsonData(const Record& record) : record_(record), rows_(record) {
        for (const PathRecord& path : record.paths) {
            if (!path.probes.empty()) {
                begin_ = std::min(begin_, path.probes.front().sample.sent);
            }
        }
    }

    bool add_piece(std::string& out) override {
        if (!begun_) {
            out += head(record_, begin_);
            begun_ = true;
        }
        const auto piece = rows_.next();
        if (!piece) {
            out += ended_ ? "" : record_.paths.empty() ? "]}\n" : "]}]}\n";
            ended_ = true;
            return false;
        }
        const PathRecord& path = record_.paths[piece->path];
        if (piece->begin == 0) {
            out += piece->path == 0 ? "\n" : "]},\n";
            out += path_head(path);
        }
        for (size_t i = piece->begin; i < piece->end; ++i) {
            out += i == 0 ? "\n" : ",\n";
            add_row(path.probes[i], out);
        }
        return true;
    }

private:
    void add_row(const ProbeRow& probe, std::string& out) const {
        const Sample& sample = probe.sample;
        out += '[';
        add_number(out, probe.index);
        out += ',';
        add_number(out, sample.departed() - begin_);
        out += ',';
        const auto answered = answered_at(probe);
        add_or_null(answered.value_or(0) - sample.departed(), answered.has_value(), out);
        out += ",\"";
        out += end_of(probe);
        out += "\",";
        add_number(out, sample.size);
        for (const uint32_t number : {uint32_t{sample.ttl}, sample.out, sample.in}) {
            out += ',';
            add_number(out, number);
        }
        out += ",\"";
        add_flags(probe, out);
        out += "\",";
        add_or_null(sample.reflector, sample.reflector != never, out);
        out += ']';
    }

    const Record& record_;
    RawRows rows_;
    Nanos begin_ = std::numeric_limits<Nanos>::max();
    bool begun_ = false;
    bool ended_ = false;
};

}  // namespace

std::unique_ptr<RawData> raw_json(const Record& record) {
    return std::make_unique<JsonData>(record);
}

}  // namespace rehome::probe
