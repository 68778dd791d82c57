// probe report: records, and what they were before, to a folder that can be handed over.
#include <fmt/format.h>

#include <algorithm>
#include <iostream>
#include <thread>

#include "probe/adapter/measurement_reader.h"
#include "probe/adapter/record_reader.h"
#include "probe/adapter/report_folder.h"
#include "probe/command/commands.h"
#include "probe/command/terms.h"
#include "probe/core/measurement_json.h"
#include "probe/report/escape.h"
#include "probe/report/html.h"
#include "probe/report/raw.h"
#include "probe/report/report_json.h"
#include "probe/report/text.h"

namespace rehome::probe {

namespace {

constexpr char teaching[] =
    "Makes a folder of records that `probe run --record` has kept, one or more a carrier:\n"
    "report.html (one page that needs no network), report.txt (the same for a mail), report.json,\n"
    "raw/ (each probe as CSV, JSON and pcapng, and the result) and SHA256SUMS. The verdict stands\n"
    "first, with its error; then loss and delay over time, loss periods with begin and end and "
    "what\n"
    "the other carriers lost meanwhile, what was sent, what was not the carrier's, and what all "
    "this\n"
    "cannot tell.\n"
    "\n"
    "With a --baseline of its carrier a run is worse, no worse, or that cannot be told, as `probe\n"
    "compare` has it; --control names a carrier that did not move: where it got worse too, the "
    "move\n"
    "is not to blame. Baselines are records or results.\n"
    "\n"
    "The exit code tells whether the folder was written, not what it says: 0 written; 2 wrong "
    "input;\n"
    "3 it could not be written, and then there is none.\n"
    "\n"
    "Examples:\n"
    "  probe report red.db green.db blue.db --out night\n"
    "  probe report red.db blue.db --baseline red-base.json --baseline blue-base.json \\\n"
    "      --control blue --out night\n";

const std::vector<Option> options = with_terms({
    Option::text("record", "what probe run --record kept; may be repeated")
        .shown_as("RECORD")
        .required()
        .positional()
        .repeated(),
    Option::text("out", "the folder that is made").shown_as("DIR").required(),
    Option::text("baseline", "of a carrier, before; may be repeated").shown_as("FILE").repeated(),
    Option::text("control", "a carrier that did not move; may be repeated")
        .shown_as("NAME")
        .repeated(),
    Option::flag("replace", "replace an earlier report there"),
    Option::flag("json", "print report.json, not the verdicts"),
});

// Does what is to be done for each number at the same time.
void each_beside(size_t count, const std::function<void(size_t)>& act) {
    std::vector<std::thread> threads;
    for (size_t i = 0; i < count; ++i) {
        threads.emplace_back(act, i);
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
}

void append(std::vector<Error>& all, const std::vector<Error>& more) {
    all.insert(all.end(), more.begin(), more.end());
}

struct Base {
    std::string file;
    Measurement measurement;
};

std::vector<Base> read_bases(const std::vector<std::string>& paths, std::vector<Error>& mistakes) {
    std::vector<Base> bases;
    for (const std::string& path : paths) {
        auto measurement = read_measurement(path);
        if (measurement) {
            bases.push_back({path, std::move(*measurement)});
        } else {
            append(mistakes, measurement.error());
        }
    }
    return bases;
}

std::vector<Record> read_records(const std::vector<std::string>& paths,
                                 std::vector<Error>& mistakes) {
    std::vector<Checked<Record>> read(paths.size());
    each_beside(paths.size(), [&](size_t i) { read[i] = read_record(paths[i]); });
    std::vector<Record> records;
    for (Checked<Record>& one : read) {
        if (one) {
            records.push_back(std::move(*one));
        } else {
            append(mistakes, one.error());
        }
    }
    return records;
}

bool has_carrier(const std::vector<Record>& records, const std::string& carrier) {
    return std::any_of(records.begin(), records.end(),
                       [&carrier](const Record& record) { return record.plan.carrier == carrier; });
}

void check_names(const std::vector<Record>& records, const std::vector<Base>& bases,
                 const std::vector<std::string>& controls, std::vector<Error>& mistakes) {
    for (size_t i = 0; i < bases.size(); ++i) {
        const std::string& carrier = bases[i].measurement.plan.carrier;
        if (!has_carrier(records, carrier)) {
            mistakes.push_back(
                {Exit::usage, bases[i].file,
                 fmt::format("is of carrier {}, of which there is no record", in_quotes(carrier))});
        }
        for (size_t k = 0; k < i; ++k) {
            if (bases[k].measurement.plan.carrier == carrier) {
                mistakes.push_back({Exit::usage, bases[i].file,
                                    fmt::format("is a second baseline of carrier {}, beside {}",
                                                in_quotes(carrier), bases[k].file)});
            }
        }
    }
    for (const std::string& control : controls) {
        if (!has_carrier(records, control)) {
            mistakes.push_back({Exit::usage, "--control " + plain(control),
                                "is a carrier of which there is no record"});
        }
    }
}

std::vector<RunInput> inputs_of(const std::vector<std::string>& paths,
                                const std::vector<Record>& records, const std::vector<Base>& bases,
                                const std::vector<std::string>& controls) {
    std::vector<RunInput> inputs;
    for (size_t i = 0; i < records.size(); ++i) {
        const std::string& carrier = records[i].plan.carrier;
        RunInput input{.file = paths[i], .record = &records[i]};
        for (const Base& base : bases) {
            if (base.measurement.plan.carrier == carrier) {
                input.base = base.measurement;
            }
        }
        input.control = std::find(controls.begin(), controls.end(), carrier) != controls.end();
        inputs.push_back(std::move(input));
    }
    return inputs;
}

// ---- the folder ---------------------------------------------------------------------------------

struct RawTask {
    size_t run = 0;
    std::string name;
    std::unique_ptr<RawData> data;
};

std::vector<RawTask> raw_tasks(const Report& report) {
    std::vector<RawTask> tasks;
    for (size_t i = 0; i < report.runs.size(); ++i) {
        const Record& record = *report.runs[i].record;
        const std::string name = fmt::format("raw/{}-{}", i + 1, in_file_name(record.plan.carrier));
        tasks.push_back({i, name + ".csv", raw_csv(record)});
        tasks.push_back({i, name + ".json", raw_json(record)});
        tasks.push_back({i, name + ".pcapng", raw_pcapng(record)});
    }
    return tasks;
}

Result<> write_raw(const ReportFolder& folder, Report& report) {
    const std::vector<RawTask> tasks = raw_tasks(report);
    std::vector<Result<RawFile>> files(tasks.size());
    each_beside(tasks.size(), [&](size_t i) {
        files[i] = folder.write(tasks[i].name,
                                [&](std::string& out) { return tasks[i].data->add_piece(out); });
    });
    for (size_t i = 0; i < tasks.size(); ++i) {
        if (!files[i]) {
            return tl::unexpected(files[i].error());
        }
        report.runs[tasks[i].run].raw.push_back(*files[i]);
    }
    for (size_t i = 0; i < report.runs.size(); ++i) {
        RunReport& run = report.runs[i];
        const auto file = folder.write(
            fmt::format("raw/{}-{}.result.json", i + 1, in_file_name(run.record->plan.carrier)),
            to_json(run.measurement));
        if (!file) {
            return tl::unexpected(file.error());
        }
        run.raw.push_back(*file);
    }
    return {};
}

Result<> write_report(ReportFolder& folder, Report& report) {
    if (auto raw = write_raw(folder, report); !raw) {
        return raw;
    }
    std::string sums;
    const auto add = [&sums](const RawFile& file) {
        sums += fmt::format("{}  {}\n", file.sha256, file.name);
    };
    for (const RunReport& run : report.runs) {
        std::for_each(run.raw.begin(), run.raw.end(), add);
    }
    const std::pair<const char*, std::string> pages[] = {{"report.html", to_html(report)},
                                                         {"report.json", to_json(report)},
                                                         {"report.txt", to_text(report)}};
    for (const auto& [name, content] : pages) {
        const auto file = folder.write(name, content);
        if (!file) {
            return tl::unexpected(file.error());
        }
        add(*file);
    }
    if (const auto file = folder.write("SHA256SUMS", sums); !file) {
        return tl::unexpected(file.error());
    }
    return folder.finish();
}

Checked<Report> make(const std::vector<RunInput>& inputs, const Terms& terms) {
    std::vector<RunReport> runs(inputs.size());
    each_beside(inputs.size(), [&](size_t i) { runs[i] = report_run(inputs[i], terms); });
    auto report = make_report(inputs, std::move(runs), terms);
    if (report) {
        report->made_at = now_us();
        report->program = fmt::format("probe {}", version);
    }
    return report;
}

Result<Exit> act(const Given& given) {
    const Terms terms = terms_from(given);
    const auto paths = given.texts("record");
    std::vector<Error> mistakes = mistakes_in(terms);
    auto folder = ReportFolder::prepare(given.text("out"), given.has("replace"));
    if (!folder) {
        mistakes.push_back(folder.error());
    }
    const std::vector<Base> bases = read_bases(given.texts("baseline"), mistakes);
    const std::vector<Record> records = read_records(paths, mistakes);
    if (mistakes.empty()) {
        check_names(records, bases, given.texts("control"), mistakes);
    }
    if (!mistakes.empty()) {
        return print_mistakes(mistakes);
    }
    auto report = make(inputs_of(paths, records, bases, given.texts("control")), terms);
    if (!report) {
        return print_mistakes(report.error());
    }
    if (const auto written = write_report(*folder, *report); !written) {
        return tl::unexpected(written.error());
    }
    std::cout << (given.has("json") ? to_json(*report)
                                    : verdicts_text(*report) +
                                          fmt::format("written: {}\n", plain(given.text("out"))));
    return Exit::yes;
}

}  // namespace

Command report_command() {
    return {.name = "report",
            .summary = "a page, a mail and raw data of records, for a NOC",
            .teaching = teaching,
            .options = options,
            .act = act};
}

}  // namespace rehome::probe
