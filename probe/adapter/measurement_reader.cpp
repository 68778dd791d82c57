// See measurement_reader.h.
#include "probe/adapter/measurement_reader.h"

#include "common/json/file.h"
#include "probe/adapter/record_reader.h"
#include "probe/core/measurement_json.h"

namespace rehome::probe {

Checked<Measurement> read_measurement(const std::string& path) {
    if (is_database(path)) {
        return read_record(path).map([](const Record& record) { return measurement_of(record); });
    }
    const Result<std::string> text = read_file(path);
    if (!text) {
        return tl::unexpected(std::vector{text.error()});
    }
    return parse_measurement(path, *text);
}

}  // namespace rehome::probe
