#include "cutover/run/marker.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "common/json/file.h"

namespace rehome::cutover {

namespace {

using nlohmann::json;

constexpr std::string_view schema =
#include "common/formats/journal-head.schema.inc"
    ;

constexpr size_t head_bytes = 256;

std::string lacks(const Journal& journal, const Marker& marker) {
    const size_t has = journal.sums.size();
    if (marker.run != journal.opening.run) {
        return fmt::format("{} is of another run ({}; the journal: {})", marker.from, marker.run,
                           journal.opening.run);
    }
    if (marker.lines > has) {
        return fmt::format("{} knows of {} lines, the journal has {}: the last {} are missing",
                           marker.from, marker.lines, has, marker.lines - has);
    }
    if (!marker.sum.empty() && marker.lines > 0 && journal.sums[marker.lines - 1] != marker.sum) {
        return fmt::format(
            "{} knows another line {}: the run has gone on in another copy of the "
            "journal",
            marker.from, marker.lines);
    }
    const uint64_t epoch = epoch_after(journal.records);
    if (marker.epoch > epoch) {
        return fmt::format(
            "{} knows of epoch {}, the journal of {}: the run has gone on in another "
            "copy of the journal",
            marker.from, marker.epoch, epoch);
    }
    return "";
}

}  // namespace

std::vector<std::string> lacking(const Journal& journal, const std::vector<Marker>& markers) {
    std::vector<std::string> all;
    for (const Marker& marker : markers) {
        if (std::string one = lacks(journal, marker); !one.empty()) {
            all.push_back(std::move(one));
        }
    }
    return all;
}

std::string_view loss_advice() {
    return ".  What these lines announced may have been done.  Find the whole journal, or go on "
           "with "
           "--accept-loss";
}

Marker marker_of(const Journal& journal) {
    return {"", journal.opening.run, epoch_after(journal.records), journal.sums.size(),
            journal.sums.empty() ? "" : journal.sums.back()};
}

std::string head_text(const Marker& marker) {
    const nlohmann::ordered_json object{{"schema", "rehome/journal-head/1"},
                                        {"run", marker.run},
                                        {"epoch", marker.epoch},
                                        {"lines", marker.lines},
                                        {"sum", marker.sum}};
    return fmt::format("{:<{}}\n", object.dump(), head_bytes - 1);
}

Result<Marker> parse_head(const std::string& file, std::string_view text) {
    const auto object = parse_json(file, text, schema);
    if (!object) {
        return tl::unexpected(object.error().front());
    }
    return Marker{file, object->at("run"), object->at("epoch"), object->at("lines"),
                  object->at("sum")};
}

}  // namespace rehome::cutover
