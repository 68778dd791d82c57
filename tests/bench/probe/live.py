#!/usr/bin/env python3
"""What probe measures and keeps on one core, and how far its delays are off: for probe.py, which tells what is to be
reached.

  live.py pace|delay

Runs in private namespaces (tests/lab/net.sh) and prints JSON.  Records go to $BUILD/bench/probe.d, which must not be
a tmpfs, as its syncs cost nothing.

pace: the highest rate at which this side loses nothing, in packets a second, with a record of each: no slot left
out, nothing unsent, no answer dropped by our buffer or filters, no row missing, and nothing lost at all, as there is
no line between the two hosts.  probe, its record's writer and the reflector share one core; STAMP over a veth, 5 s a
run, three runs a rate.  "best" is the highest rate of which one run was so, "median" of which two were.

delay: probe's round trips against a capture (tcpdump, ns) by the first router, which is a veth away from the measuring
host's own stamps: how long after each echo request its reply passed there.  150 packets a second for 20 s, and a line
of 10 ms behind the router.  The difference, in microseconds.
"""
import glob
import json
import os
import sqlite3
import struct
import subprocess
import sys

sys.dont_write_bytecode = True  # nothing generated beside the sources
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), ".."))

import world

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "../../.."))
BUILD = os.path.realpath(os.environ.get("BUILD", os.path.join(ROOT, "build")))
FILES = os.path.join(BUILD, "bench/probe.d")
RECORD = os.path.join(FILES, "record.db")
PROBE = os.path.join(BUILD, "bin/probe")
RATES = (2500, 5000, 7500, 10000, 12500, 15000, 17500, 20000, 25000, 30000, 40000)
SECONDS = 5
RUNS = 3
PROBES = 3000  # of delay
CORE = str(os.cpu_count() - 1)


def measure(*words):
    """The result; what it kept is in RECORD."""
    for file in glob.glob(RECORD + "*"):
        os.remove(file)
    done = subprocess.run(["ip", "netns", "exec", "left", *words, "--record", RECORD, "--json"], capture_output=True,
                          text=True, timeout=120, check=False)
    if done.returncode not in (0, 4):
        raise world.Failed(f"probe: {done.stderr.strip()}")
    return json.loads(done.stdout)


def own_loss(result):
    """Everything that is missing for this side's sake, by its kind."""
    figures = result["kinds"][0]
    losses = {name: figures["own"][name] for name in
              ("not_sent", "filtered_out", "filtered_in", "receive_dropped", "skipped")}
    losses["rows"] = result["record"]["dropped"]
    losses["lost"] = figures["lost"]
    losses["unreflected"] = figures["unreflected"]
    return {name: count for name, count in losses.items() if count}


def pace_once(rate):
    result = measure("taskset", "-c", CORE, PROBE, "run", "--carrier", "bench", "--source", "192.0.2.1", "--target",
                     "192.0.2.2:862", "--udp", "--rate", str(rate), "--count", str(rate * SECONDS), "--wait", "1000")
    return own_loss(result)


def address(host, interface, prefix):
    world.on(host, "ip", "address", "add", prefix, "dev", interface)


def pace():
    world.veth("left", "l", "right", "r")
    address("left", "l", "192.0.2.1/24")
    address("right", "r", "192.0.2.2/24")
    reflector = world.start_on("right", "taskset", "-c", CORE, PROBE, "reflect", "--max-rate", "1000000",
                               "--max-source-rate", "1000000", stdout=subprocess.DEVNULL)
    world.wait_until(5, "the reflector listens", lambda: ":862 " in world.on("right", "ss", "-Hlun"))
    rows = []
    for rate in RATES:
        runs = [pace_once(rate) for _ in range(RUNS)]
        rows.append({"rate": rate, "clean": sum(not loss for loss in runs), "losses": [loss for loss in runs if loss]})
        if len(rows) > 1 and not rows[-1]["clean"] and not rows[-2]["clean"]:
            break
    reflector.terminate()
    reflector.wait()
    reached = {name: max((row["rate"] for row in rows if row["clean"] >= least), default=0)
               for name, least in (("best", 1), ("median", 2))}
    return {**reached, "seconds": SECONDS, "runs": RUNS, "rows": rows}


def captured(file):
    """When each echo request and reply passed (ns), by its sequence number, of a pcap file with nanoseconds."""
    with open(file, "rb") as pcap:
        if pcap.read(24)[:4] != b"\x4d\x3c\xb2\xa1":
            raise world.Failed(f"{file} is no pcap with nanoseconds")
        times = {8: {}, 0: {}}
        while len(head := pcap.read(16)) == 16:
            seconds, nanos, size, _ = struct.unpack("<IIII", head)
            frame = pcap.read(size)
            if len(frame) < size:
                break  # still being written
            icmp = 14 + (frame[14] & 15) * 4
            kind, sequence = frame[icmp], struct.unpack("!H", frame[icmp + 6:icmp + 8])[0]
            times[kind].setdefault(sequence, seconds * 10**9 + nanos)
    return {sequence: at - times[8][sequence] for sequence, at in times[0].items() if sequence in times[8]}


def recorded():
    with sqlite3.connect(f"file:{RECORD}?mode=ro", uri=True) as record:
        return dict(record.execute("SELECT idx, received_ns - stamped_ns FROM probe"
                                   " WHERE received_ns NOT NULL AND stamped_ns NOT NULL"))


def quantile(ordered, share):
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def answers():
    ping = ["ip", "netns", "exec", "left", "ping", "-c1", "-W1", "198.51.100.2"]
    return subprocess.run(ping, stdout=subprocess.DEVNULL, check=False).returncode == 0


def routed_line():
    """left, a router, a line, right; returns what runs the line."""
    for name in ("router", "line"):
        world.namespace(name)
    world.veth("left", "l", "router", "a")
    world.veth("router", "b", "line", "c")
    world.veth("line", "d", "right", "r")
    for host, interface, prefix in (("left", "l", "192.0.2.1/24"), ("router", "a", "192.0.2.254/24"),
                                    ("router", "b", "198.51.100.1/24"), ("right", "r", "198.51.100.2/24")):
        address(host, interface, prefix)
    world.on("router", "sysctl", "-qw", "net.ipv4.ip_forward=1")
    world.on("left", "ip", "route", "add", "default", "via", "192.0.2.254")
    world.on("right", "ip", "route", "add", "default", "via", "198.51.100.1")
    wire = world.start_on("line", os.path.join(BUILD, "lab/wire"), "run", "--up", "c", "--down", "d", "--control",
                          "/run/wire.sock", "--record", "/run/wire.packets", "delay=10ms")
    world.wait_until(5, "the line passes", answers)
    return wire


def delay():
    wire = routed_line()
    file = os.path.join(FILES, "line.pcap")
    if os.path.exists(file):
        os.remove(file)
    capture = world.start_on("router", "tcpdump", "-i", "a", "--time-stamp-precision=nano", "-U", "-w", file,
                             "icmp[0] == 8 or icmp[0] == 0", stderr=subprocess.DEVNULL)
    world.wait_until(5, "the capture begins", lambda: os.path.exists(file) and os.path.getsize(file) >= 24)
    measure(PROBE, "run", "--carrier", "bench", "--source", "192.0.2.1", "--target", "198.51.100.2", "--icmp", "--rate",
            "150", "--count", str(PROBES))
    world.wait_until(5, "the capture has all", lambda: len(captured(file)) >= PROBES * .97)
    for program in (capture, wire):
        program.terminate()
        program.wait()
    truth = captured(file)
    errors = sorted(abs(rtt - truth[index]) / 1000 for index, rtt in recorded().items() if index in truth)
    if len(errors) < PROBES * .97:
        raise world.Failed(f"{len(errors)} round trips were seen on both sides, expected nearly {PROBES}")
    return {"p50": round(quantile(errors, .5), 1), "p99": round(quantile(errors, .99), 1), "max": round(errors[-1], 1),
            "probes": len(errors)}


def main():
    if os.environ.get("REHOME_PRIVATE") != os.path.realpath(__file__):
        return world.private(os.path.realpath(__file__), sys.argv[1:])
    world.private_init()
    os.makedirs(FILES, exist_ok=True)
    for name in ("left", "right"):
        world.namespace(name)
    figures = {"pace": pace, "delay": delay}
    if sys.argv[1:] not in ([name] for name in figures):
        print(__doc__, file=sys.stderr)
        return 2
    try:
        print(json.dumps(figures[sys.argv[1]]()))
    except world.Failed as failed:
        print(f"live.py: {failed}", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
