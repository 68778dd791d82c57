#!/usr/bin/env python3
"""What vipd's datapath costs, beside dpdk-testpmd on the same files: make bench-vipd.

  vipd.py [SECTION...] [--quick] [--only REGEX] [--against BUILD] [--rounds N] [--seconds S] [--json FILE]

Sections (all of them without one):
  rows      nanoseconds per packet: mode, family, flows, order
  flood     nanoseconds per packet where each is of a flow that is not known
  new       flows per second that become established
  changes   established flows while the tables change ten times a second
  flows     what forgery, restarts and broken links cost and take
  edges     what floods, flapping routes and broken devices around a gateway cost and take
  operation what the operator's levers cost
  memory    bytes per flow, with ten million held
  workers   what a second worker gains, beside testpmd's second core
  veth      kernel NAT and vipd on AF_XDP between the same veth pairs: CPU, loss
  delay     the round trip through them
  reload    10,000 services with 100,000 servers while numbered packets run
Rows are named MODE-FAMILY-FLOWS-ORDER, as in nat-4-1000000-random; --only picks by that name, and figures of
"flows", "edges" and "operation" by theirs.

--against BUILD measures another build's vipd in turns with this one, row by row, so that a change
can be told from the machine's mood; `make baseline` builds the tree that changes are held against
into build/baseline/build.  Instructions per packet stand beside the nanoseconds where perf(1) can count
them.  Ratios are to testpmd's csum forwarding: on two machines the same code gave 1.4 and 1.9 times
5tswap, and moved with csum.

Needs root.  Programs come from $BUILD/bin (default: build), files go to $BUILD/bench.  Exit codes:
0 measured, 2 wrong usage, 3 a row failed.  A mode that this vipd does not know yet is skipped.
"""
import argparse
import contextlib
import json
import os
import re
import signal
import statistics
import sys

sys.dont_write_bytecode = True  # nothing generated beside the sources

import edges
import figures
import flows
import operation
import replay
import wire
import world

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "../.."))
BUILD = os.path.realpath(os.environ.get("BUILD", os.path.join(ROOT, "build")))
FILES = os.path.join(BUILD, "bench")
PROGRAMS = os.path.join(BUILD, "bin")
FLOWS = (1, 1000, 65536, 1_000_000)
MODES = ("map", "nat", "tunnel", "mix")
NEW_PERCENT = 1
HALF_OPEN_MIX = 2048  # fewer than are new in one pass over the file, so that each stays new


class Row:
    def __init__(self, mode, family, flows, order, workers=1, queues=None):
        self.mode, self.family, self.flows, self.order = mode, family, flows, order
        self.workers, self.queues = workers, queues or workers

    def name(self):
        return f"{self.mode}-{self.family}-{self.flows}-{self.order}" + \
            (f"-{self.workers}w" if self.workers > 1 else "") + \
            (f"-{self.queues}q" if self.queues != self.workers else "")

    def ports(self):
        """Files of the ports red and servers, a list of queues each; a port may have none."""
        kind = {"map": "udp-map", "mix": "ack"}.get(self.mode, "udp")
        new = NEW_PERCENT if self.mode == "mix" else 0
        both = [frames(kind, self.family, self.flows, self.order, new, part, self.queues,
                       replies=self.mode != "tunnel") for part in range(self.queues)]
        return [list(queues) for queues in zip(*both)]

    def packets(self):
        if self.mode == "mix":
            return int(max(self.flows, 3000 * 100 / NEW_PERCENT) * 2.1)
        return self.flows * (1 if self.mode == "tunnel" else 2)

    def config(self, ports):
        devices = ["replay:" + "+".join(queues) for queues in ports]
        devices += ["null:"] * (3 - len(devices))
        forward = "tunnel" if self.mode == "tunnel" else "nat"
        flows = None
        if self.mode == "mix":
            flows = {"capacity": max(1 << 20, 2 * self.flows), "half_open": HALF_OPEN_MIX}
        elif self.flows > 100_000 and self.mode != "map":
            # A random answer may come a whole pass later: until then its flow is half open.
            flows = {"capacity": 2 * self.flows, "half_open": 2 * self.flows}
        return world.config(
            devices, packets=self.packets(), workers=self.workers, flows=flows,
            served=() if self.mode == "map" else world.services(forward, self.family),
            maps=[world.MAPS[self.family]] if self.mode == "map" else ())


def frames(kind, family, flows, order, new, part, parts, replies):
    """The files of a row, written unless they are there: [clients' file, servers' file]."""
    name = f"{kind}-{family}-{flows}-{order}" + (f"-new{new}" if new else "") + \
        (f"-{part}of{parts}" if parts > 1 else "")
    # A file that nothing answers to is the same as one that has answers.
    made = [os.path.join(FILES, f"{name}.{side}.pcap") for side in ("client", "server")]
    generator = os.path.join(FILES, "frames")
    if any(not os.path.exists(file) or os.path.getmtime(file) < os.path.getmtime(generator)
           for file in made):
        world.sh(generator, kind, str(family), str(flows), order, str(new), str(part), str(parts),
                 *made)
    return made if replies else made[:1]


def measure_row(row, rounds, seconds, progress, against=None):
    """The row of the result, ns per packet of one worker; Refused where vipd does not know it."""
    ports = row.ports()
    cpus = tuple(range(1, -1, -1))[:row.workers]
    with contextlib.ExitStack() as running:
        vipds = {}
        for name, programs in {"vipd": PROGRAMS, **({"before": against} if against else {})}.items():
            vipd = running.enter_context(world.Vipd(programs, row.config(ports), cpus=cpus, name=name))
            replay.warm_up(vipd, row.packets())
            vipd.pause()
            vipds[name] = vipd
        testpmd = running.enter_context(replay.Testpmd(ports, row.packets(), cpus=cpus))
        turns = {name: [] for name in (*replay.MODES, *vipds)}
        for number in range(rounds):
            progress(f"round {number + 1} of {rounds}")
            for mode in replay.MODES:
                turns[mode].append(testpmd.measure(mode, seconds))
            # Who goes first changes: what one leaves in the caches is the other's.
            for name in sorted(vipds, reverse=number % 2 == 1):
                turns[name].append(replay.measure_vipd(vipds[name], seconds))
        instructions = {name: replay.count_instructions(vipd, seconds) for name, vipd in vipds.items()}
    return result_of(row, turns, instructions)


def measure_vipd_alone(row, rounds, seconds):
    """What both workers spend on a packet, where testpmd has nothing that compares."""
    cpus = tuple(range(1, -1, -1))[:row.workers]
    turns = []
    with world.Vipd(PROGRAMS, row.config(row.ports()), cpus=cpus) as vipd:
        replay.settle(vipd, row.packets())
        for _ in range(rounds):
            turns.append(replay.measure_passing(vipd, seconds))
    best = min(turns, key=lambda turn: turn["ns"])
    return {"mode": row.mode, "family": row.family, "flows": row.flows, "workers": row.workers,
            "queues": row.queues, **best}


def result_of(row, turns, instructions):
    best = {name: min(values) for name, values in turns.items()}
    median = {name: statistics.median(values) for name, values in turns.items()}
    ns, io, swap = best["vipd"], best["io"], best["5tswap"]
    compared = {}
    if "before" in turns:
        pairs = [now / before for now, before in zip(turns["vipd"], turns["before"])]
        compared = {"before_ns": round(best["before"], 2), "before_ns_median": round(median["before"], 2),
                    "ratio_before": round(ns / best["before"], 3),
                    "ratio_before_median": round(statistics.median(pairs), 3),
                    "instructions_before": instructions["before"]}
    return {"mode": row.mode, "family": row.family, "flows": row.flows, "order": row.order,
            "workers": row.workers, "ns": round(ns, 2), "ns_median": round(median["vipd"], 2),
            "io_ns": round(io, 2), "swap_ns": round(swap, 2), "csum_ns": round(best["csum"], 2),
            "swap_ns_median": round(median["5tswap"], 2),
            "instructions": instructions["vipd"], **compared,
            "ratio_csum": round(ns / best["csum"], 3),
            "ratio_csum_median": round(median["vipd"] / median["csum"], 3),
            "ratio_whole": round(ns / swap, 3),
            "ratio_whole_median": round(median["vipd"] / median["5tswap"], 3),
            "ratio_net": round((ns - io) / (swap - io), 3) if swap > io else None}


def rows_of(options):
    if options.quick:
        made = [Row("map", 4, 1000, "sequential"), Row("nat", 4, 1000, "sequential"),
                Row("tunnel", 4, 1000, "sequential"), Row("map", 4, 1_000_000, "random"),
                Row("nat", 4, 1_000_000, "random"), Row("tunnel", 4, 1_000_000, "random"),
                Row("mix", 4, 1_000_000, "random")]
    else:
        made = [Row(mode, family, flows, order)
                for mode in MODES for family in world.FAMILIES for flows in FLOWS
                for order in ("sequential", "random") if flows > 1 or order == "sequential"]
    return [row for row in made if re.search(options.only, row.name())]


HEAD = f"{'row':28} {'vipd':>7} {'median':>7} {'io':>7} {'5tswap':>7} {'csum':>7} {'/csum':>6} {'net':>6}"
HEAD_COMPARED = f" {'before':>7} {'/before':>7} {'median':>7}"


def line_of(name, r):
    net = "-" if r["ratio_net"] is None else f"{r['ratio_net']:.2f}"
    text = (f"{name:28} {r['ns']:7.1f} {r['ns_median']:7.1f} {r['io_ns']:7.1f} {r['swap_ns']:7.1f} "
            f"{r['csum_ns']:7.1f} {r['ratio_csum']:6.2f} {net:>6}")
    if "before_ns" in r:
        text += f" {r['before_ns']:7.1f} {r['ratio_before']:7.3f} {r['ratio_before_median']:7.3f}"
    return text


class Report:
    """The terminal, and what goes into the file; it is written after every row."""

    def __init__(self, path):
        self.path = path
        self.result = {"schema": "rehome/bench-vipd/1", "rows": []}
        self.failed = False

    def progress(self, text):
        if sys.stderr.isatty():
            print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)

    def say(self, text):
        self.progress("")
        print(text, flush=True)

    def measured(self, section, value):
        if section == "rows":
            self.result["rows"].append(value)
        else:
            self.result[section] = value
        world.write_json(self.path, self.result)

    def attempt(self, name, measure):
        """What measure gives, or nothing: told here, and remembered, why not."""
        try:
            return measure()
        except world.Refused as refused:
            self.say(f"{name:28} skipped, this vipd does not take it: {refused}")
        except world.Failed as failed:
            self.failed = True
            self.say(f"{name:28} FAILED: {failed}")
        return None


def run_rows(options, report):
    report.say("\n" + HEAD + (HEAD_COMPARED if options.against else ""))
    for row in rows_of(options):
        measured = report.attempt(row.name(), lambda row=row: measure_row(
            row, options.rounds, options.seconds,
            lambda text: report.progress(f"{row.name()}: {text}"), options.against))
        if measured:
            report.measured("rows", measured)
            report.say(line_of(row.name(), measured))


def run_flood(options, report):
    report.say("\nEvery packet is of an unknown flow (IPv4), ns per packet")
    made = []
    for kind in ("syn", "ack", "udp"):
        measured = report.attempt(f"flood of {kind}", lambda kind=kind: flows.flood(
            PROGRAMS, frames, kind, options.rounds, options.seconds, report.progress))
        if measured:
            made.append(measured)
            report.measured("flood", made)
            report.say("{kind:28} {ns:7.1f} (median {ns_median}, 5tswap {swap_ns})".format(**measured))


def run_new(options, report):
    report.say("\nNew flows, a client's packet and its answer each")
    made = []
    for kind, family in (("udp", 4), ("syn", 4), ("udp", 6)):
        measured = report.attempt(f"new flows, {kind}, IPv{family}", lambda k=kind, f=family:
                                  flows.new_flows(PROGRAMS, frames, k, f, options.rounds,
                                                  report.progress))
        if measured:
            made.append(measured)
            report.measured("new_flows", made)
            report.say("{kind}, IPv{family}: {flows_per_s:,} flows/s, {ns_per_flow} ns each (median "
                       "{ns_per_flow_median})".format(**measured))


def run_changes(options, report):
    report.say("\nEstablished flows while the tables change")
    measured = report.attempt("changes", lambda: flows.changes(
        PROGRAMS, frames, options.rounds, max(2, options.seconds), report.progress))
    if measured:
        report.measured("changes", measured)
        report.say("{flows:,} flows, {changes_per_s} changes a second: {ns} ns a packet, without {calm_ns}: "
                   "{ratio} times (median {ratio_median}); each makes {decided_again_per_change:,} "
                   "decisions due".format(**measured))


def run_figures(section, of, options, report):
    made = {}
    for name, (measure, said) in of.items():
        if not re.search(options.only, name):
            continue
        measured = report.attempt(name, lambda m=measure: m(options, FILES))
        if measured:
            made.update(measured)
            report.measured(section, made)
            report.say(said.format(**measured))


def run_flows(options, report):
    report.say("\nWhat forgery, restarts and broken links cost and take")
    run_figures("flows", figures.FIGURES, options, report)


def run_edges(options, report):
    report.say("\nWhat floods, flapping routes and broken devices cost and take")
    run_figures("edges", edges.FIGURES, options, report)


def run_operation(options, report):
    report.say("\nWhat the operator's levers cost")
    of = {name: (lambda o, _, m=measure: m(o, frames, report.progress), said)
          for name, (measure, said) in operation.FIGURES.items()}
    run_figures("operation", of, options, report)


def run_memory(options, report):
    report.say("\nMemory of established flows")
    made = []
    for family in world.FAMILIES:
        measured = report.attempt(f"flows held, IPv{family}", lambda f=family: flows.held_flows(
            PROGRAMS, frames, f, report.progress))
        if measured:
            made.append(measured)
            report.measured("memory", made)
            report.say("IPv{family}: {held:,} of {wanted:,} flows held, {bytes_per_flow} bytes each, "
                       "drops {drops}".format(**measured))


def run_workers(options, report):
    """Packets a second of two workers over those of one, and the same of testpmd's 5tswap."""
    report.say("\nTwo workers: what the second one gains")
    made = []
    for mode in ("map", "nat"):
        def measure(mode=mode):
            one, two = (measure_row(Row(mode, 4, 100_000, "random", workers), options.rounds,
                                    options.seconds, report.progress) for workers in (1, 2))
            gains = {"gain": 2 * one["ns"] / two["ns"], "swap_gain": 2 * one["swap_ns"] / two["swap_ns"]}
            return {"mode": mode, "rows": [one, two], **{k: round(v, 3) for k, v in gains.items()},
                    "ratio": round(gains["gain"] / gains["swap_gain"], 3)}
        measured = report.attempt(f"two workers, {mode}", measure)
        if measured:
            made.append(measured)
            report.measured("workers", made)
            report.say("{mode}: {gain} times, testpmd {swap_gain} times, ratio {ratio}".format(**measured))
    # One queue a port: half of the packets change workers through a ring.
    for mode in ("map", "nat"):
        row = Row(mode, 4, 100_000, "random", workers=2, queues=1)
        measured = report.attempt(row.name(), lambda row=row: measure_vipd_alone(
            row, options.rounds, options.seconds))
        if measured:
            made.append(measured)
            report.measured("workers", made)
            report.say("{mode}, one queue a port: {ns} ns of both workers' CPU a packet, {pps:,} packets/s, "
                       "of which {ring_full_percent} % found a ring full".format(**measured))


def run_veth(options, report):
    report.say("\nKernel NAT and vipd (AF_XDP) between the same veth pairs, 64-byte UDP")
    measured = report.attempt("veth", lambda: wire.veth(
        FILES, PROGRAMS, options.rounds, options.seconds * 2, report.progress))
    if measured:
        report.measured("veth", measured)
        for way in measured:
            report.say("{way:14} {cpu_ns:7.0f} ns of CPU a packet ({cpu_ns_above_direct:+.0f}), nothing "
                       "lost up to {lossless_pps:,} packets/s; lost at 50,000: {lost_at_50000_pps}"
                       .format(**way))


def run_delay(_, report):
    report.say("\nRound trip over the same veth pairs")
    measured = report.attempt("delay", lambda: wire.delays(FILES, PROGRAMS, report.progress))
    if measured:
        report.measured("delay", measured)
        for way in measured:
            report.say("{way:14} min {min_us}, p50 {p50_us}, p99 {p99_us} us ({answered} of {sent})"
                       .format(**way))


def run_reload(_, report):
    report.say("\nReload under numbered traffic")
    measured = report.attempt("reload", lambda: wire.reload(FILES, PROGRAMS, 20_000, report.progress))
    if measured:
        report.measured("reload", measured)
        for step in measured:
            report.say("{what}: {services:,} services, {servers:,} servers in {seconds} s, {lost} of "
                       "{sent:,} packets lost".format(**step))


SECTIONS = {"rows": run_rows, "flood": run_flood, "new": run_new, "changes": run_changes, "flows": run_flows,
            "edges": run_edges, "operation": run_operation, "memory": run_memory, "workers": run_workers, "veth": run_veth, "delay": run_delay, "reload": run_reload}


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=", ".join(SECTIONS))
    parser.add_argument("--quick", action="store_true", help="the rows that have targets only")
    parser.add_argument("--only", default="", metavar="REGEX", help="rows and figures by name")
    parser.add_argument("--against", metavar="BUILD", help="another build, measured in turns with this one")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.5, help="of one turn")
    parser.add_argument("--json", default=os.path.join(FILES, "vipd.json"), metavar="FILE")
    options = parser.parse_args(arguments)
    if options.against:
        options.against = os.path.realpath(os.path.join(options.against, "bin"))
        if not os.path.exists(os.path.join(options.against, "vipd")):
            parser.error(f"--against: no vipd in {options.against}, expected a build's folder")
    options.programs, options.tools, options.row = PROGRAMS, FILES, Row
    options.sections = options.sections or list(SECTIONS)
    for section in options.sections:
        if section not in SECTIONS:
            parser.error(f"section {section}, expected one of {', '.join(SECTIONS)}")
    return options


def main():
    options = parse(sys.argv[1:])
    script = os.path.realpath(__file__)
    if os.environ.get("REHOME_PRIVATE") != script:
        if os.geteuid() != 0:
            print("vipd.py: needs root, for namespaces and huge pages", file=sys.stderr)
            return 3
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that huge pages are put back
        with world.huge_pages_put_back():
            return world.private(script, sys.argv[1:])
    world.private_init()
    report = Report(options.json)
    for section in options.sections:
        SECTIONS[section](options, report)
    report.say(f"\nwritten to {options.json}")
    return 3 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
