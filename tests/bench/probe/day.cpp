// Three records of a day, ten probes a second, as `probe run --record` writes them: what `probe
// report` is timed with.
//
//   day FOLDER    makes FOLDER/red.db, green.db and blue.db
//
// Delays are 20 ms and an exponential tail of 0.5 ms; one probe in 2,000 is lost, and red is dark
// for 15 s and slow for an hour.
#include <fmt/format.h>

#include <cmath>
#include <iostream>
#include <random>

#include "probe/adapter/record_writer.h"
#include "probe/adapter/writer_child.h"
#include "probe/core/measurement_json.h"
#include "probe/core/record_schema.h"

namespace rehome::probe {
namespace {

constexpr uint32_t probes = 864'000;
constexpr Nanos ms = 1'000'000;
constexpr Nanos begin = 1'777'863'600'000 * ms;  // 2026-05-04T03:00:00Z
constexpr WriterChild::Limit patience(60'000);

Nanos sent_at(uint32_t index) {
    return begin + Nanos{index} * 100 * ms;
}

// Nothing: lost.
std::optional<Nanos> round_trip(uint32_t index, bool red, std::mt19937_64& random) {
    const bool dark = red && index >= 300'000 && index < 300'150;
    if (dark || random() % 2000 == 0) {
        return std::nullopt;
    }
    const double uniform = (static_cast<double>(random() >> 11) + 1) * 0x1p-53;
    const double slow_ms = red && index >= 500'000 && index < 536'000 ? 8 : 0;
    return static_cast<Nanos>((20 + slow_ms - 0.5 * std::log(uniform)) * ms);
}

Series day_of(bool red, uint64_t seed) {
    std::mt19937_64 random(seed);
    Series series(probes);
    for (uint32_t i = 0; i < probes; ++i) {
        series.sent(sent_at(i), 0, 52);
        series.stamped(i, sent_at(i) + 5'000, 2);
        if (const auto rtt = round_trip(i, red, random)) {
            const Nanos received = sent_at(i) + 5'000 + *rtt;
            series.answered({.index = i}, received, true, 2);
            series.captured({.index = i}, received, 2, 57);
        }
    }
    return series;
}

Measurement begun(const std::string& carrier) {
    Measurement measurement;
    measurement.at = begin / 1000;
    measurement.ended = measurement.at;
    measurement.plan.carrier = carrier;
    measurement.plan.binding.source = Address::parse("100.80.1.200").value();
    measurement.plan.count = probes;
    measurement.plan.rate_pps = 10;
    measurement.plan.wait = 1000 * ms;
    measurement.clock = {.resolution_ms = 1e-6, .stepped_ms = 0, .synchronised = true};
    Figures figures;
    figures.path = {Kind::icmp, {"meters"}, {Address::parse("198.51.100.10").value(), 0}};
    figures.route = {.interface = carrier + "0", .next_hop = {}, .table = 254};
    figures.flow = "one flow: id 29288, checksum 0x7062";
    measurement.kinds = {figures};
    return measurement;
}

// As far as the writer has brought them to the disk.
uint64_t rows_kept(WriterChild& writer) {
    WriterWord word{.letter = 'c'};
    while (word.letter == 'c') {
        word = parse_word(writer.receive(patience).value_or(""));
    }
    return word.letter == 's' ? word.rows : 0;
}

bool write_day(const std::string& folder, const std::string& carrier, uint64_t seed) {
    const std::string file = fmt::format("{}/{}.db", folder, carrier);
    auto writer =
        WriterChild::start(file, [file](const Fd& channel) { write_record(channel, file); });
    if (!writer || parse_word(writer->receive(patience).value_or("")).letter != 'o') {
        std::cerr << file << ": cannot be written\n";
        return false;
    }
    const Series series = day_of(carrier == "red", seed);
    Measurement result = begun(carrier);
    const Record head{.id = carrier,
                      .host = "vantage",
                      .program = "probe",
                      .kernel = "Linux",
                      .started = result.at,
                      .seen = result.at};
    std::string out;
    put_run(out, head, to_json(result));
    put_interface(out, 2, carrier + "0");
    put_path(out, 0, {.path = result.kinds.front().path});
    const std::vector<Fate> fates = fates_of(series, result.plan.wait);
    for (uint32_t i = 0; i < probes; ++i) {
        put_probe(out, 0, 1, {.index = i, .sample = series.samples()[i]}, fates[i]);
    }
    summarise(series, result.plan.wait, {.interfaces = {{2, carrier + "0"}}}, result.kinds.front());
    result.ended = sent_at(probes) / 1000;
    put_ended(out, result.ended, to_json(result));
    put_sync(out);
    return writer->send_all(out, patience) && rows_kept(*writer) == probes;
}

}  // namespace
}  // namespace rehome::probe

int main(int argc, char** argv) {
    using rehome::probe::write_day;
    if (argc != 2) {
        std::cerr << "usage: day FOLDER\n";
        return 2;
    }
    const std::string folder = argv[1];
    for (const char* carrier : {"red", "green", "blue"}) {
        if (!write_day(folder, carrier, static_cast<uint64_t>(*carrier))) {
            std::cerr << folder << ": the record of " << carrier << " is not whole\n";
            return 3;
        }
    }
    return 0;
}
