// probe show: a record or a result, read back.
#include <iostream>

#include "common/json/file.h"
#include "probe/adapter/record_reader.h"
#include "probe/command/commands.h"
#include "probe/core/measurement_json.h"
#include "probe/core/show.h"

namespace rehome::probe {

namespace {

constexpr char teaching[] =
    "Prints what `probe run` printed, then when losses came and how long they lasted: loss "
    "periods\n"
    "by RFC 3357, in UTC. A record (`probe run --record`) is read also when it was cut short, and\n"
    "while it is still written: its figures are then those of the probes that stand in it, and "
    "that\n"
    "is said. A result in JSON has no time of each probe: its periods are told by probe.\n"
    "\n"
    "Exit code 2: the file is neither, or is damaged.\n"
    "\n"
    "Examples:\n"
    "  probe show night.db\n"
    "  probe show base.json --json\n";

const std::vector<Option> options{
    Option::text("file", "a record, or a result").shown_as("FILE").required().positional(),
    Option::integer("constraint", "a loss so few probes behind another is noticeable")
        .shown_as("N")
        .within(1, UINT32_MAX)
        .by_default("99"),
    Option::flag("json", "print as JSON (rehome/probe-show/1)"),
};

Checked<Shown> read(const std::string& path) {
    if (is_database(path)) {
        auto record = read_record(path);
        return record ? Checked<Shown>(show(path, std::move(*record)))
                      : tl::unexpected(record.error());
    }
    const Result<std::string> text = read_file(path);
    if (!text) {
        return tl::unexpected(std::vector{text.error()});
    }
    auto result = parse_measurement(path, *text);
    return result ? Checked<Shown>(show(path, std::move(*result))) : tl::unexpected(result.error());
}

Result<Exit> act(const Given& given) {
    Checked<Shown> shown = read(given.text("file"));
    if (!shown) {
        return print_mistakes(shown.error());
    }
    shown->constraint = static_cast<uint32_t>(given.integer("constraint"));
    std::cout << (given.has("json") ? to_json(*shown) : to_text(*shown));
    return Exit::yes;
}

}  // namespace

Command show_command() {
    return {.name = "show",
            .summary = "a record or a result, read back",
            .teaching = teaching,
            .options = options,
            .act = act};
}

}  // namespace rehome::probe
