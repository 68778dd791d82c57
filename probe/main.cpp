// probe: how good a carrier's path to the pinned VIPs is, in numbers that a carrier's NOC accepts.
//
//   run      plan -> routes verified -> sockets -> privileges dropped -> samples -> figures
//   compare  two results -> no worse, worse, cannot tell
//   show     a record or a result -> what run printed, and when losses came
//   report   records -> a page, a mail and raw data
//   reflect  the far end of the UDP measurement
#include "probe/command/commands.h"

int main(int argc, char** argv) {
    using namespace rehome::probe;
    const rehome::Program program{
        .name = "probe",
        .summary = "loss, delay and jitter to a VIP, per carrier",
        .teaching =
            "A night's use, on the host of the carrier's vantage:\n"
            "  probe run --inventory inventory.json --carrier red --json --out base.json\n"
            "  probe run --inventory inventory.json --carrier red --json --out now.json\n"
            "  probe compare base.json now.json\n"
            "\n"
            "Exit codes: 0 done, or no worse; 1 worse; 2 wrong usage or input; 3 the world failed\n"
            "(no route, no privilege); 4 too few samples to tell.\n",
        .commands = {run_command(), compare_command(), show_command(), report_command(),
                     reflect_command()}};
    return rehome::run_program(program, argc, argv);
}
