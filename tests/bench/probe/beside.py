#!/usr/bin/env python3
"""probe beside fping, mtr and irtt on one line, where they do the same work: echo requests, and UDP to a reflector.

  beside.py [ROUNDS]

The line (tests/lab/wire.cpp) has 10 ms of delay in all and loses 2 % either way.  All take turns, 500 packets each, one every
10 ms; what passed the vantage's own interface (tcpdump, ns) is the truth: how many were answered, and how long after each
request its answer came.  Of each tool: how many answers it counted wrongly, in all rounds; how far its median (of mtr, which
has none, its mean) is off, in microseconds, the median of the rounds.  Prints JSON.  Exit codes: 0 measured, 3 not.
"""
import json
import os
import re
import statistics
import struct
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True  # nothing generated beside the sources
sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
import real  # noqa: E402
from real import BUILD, world  # noqa: E402

COUNT = 500
TARGET, IRTT_PORT = "100.80.1.2", 2112


def on_left(line, *words, codes=(0,)):
    done = subprocess.run(["ip", "netns", "exec", line.left, *words], capture_output=True, text=True, timeout=60, check=False)
    if done.returncode not in codes:
        raise world.Failed(f"{words[0]}: exit code {done.returncode}: {done.stderr.strip()}")
    return done


def probe(line, kind, port=""):
    done = on_left(line, f"{BUILD}/bin/probe", "run", "--carrier", "red", "--source", "100.80.1.1", "--target", TARGET + port,
                   f"--{kind}", "--count", str(COUNT), "--rate", "100", "--wait", "500", "--json")
    figures = json.loads(done.stdout)["kinds"][0]
    return figures["received"], figures["rtt_ms"]["p50"] * 1000


def fping(line):
    done = on_left(line, "fping", "-q", "-C", str(COUNT), "-p", "10", "-t", "500", TARGET, codes=(0, 1))
    answers = [float(word) * 1000 for word in done.stderr.split(":")[1].split() if word != "-"]
    return len(answers), statistics.median(answers)


def mtr(line):
    done = on_left(line, "mtr", "--report", "--json", "-n", "-i", "0.01", "-G", "0.5", "-c", str(COUNT), TARGET)
    hub = json.loads(done.stdout)["report"]["hubs"][-1]
    return round(hub["Snt"] * (1 - hub["Loss%"] / 100)), hub["Avg"] * 1000


def irtt(line):
    done = on_left(line, "irtt", "client", "-q", "-i", "10ms", "-d", f"{COUNT * 10}ms", "-o", "-", f"{TARGET}:{IRTT_PORT}")
    stats = json.loads(done.stdout)["stats"]
    return stats["packets_received"], stats["rtt"]["median"] / 1000


# kind, program, and which of the truth's figures its own is held against
TOOLS = {
    "probe, icmp": ("icmp", lambda line: probe(line, "icmp"), statistics.median),
    "fping": ("icmp", fping, statistics.median),
    "mtr": ("icmp", mtr, statistics.fmean),
    "probe, udp": ("udp", lambda line: probe(line, "udp", ":862"), statistics.median),
    "irtt": ("udp", irtt, statistics.median),
}


def packets(path):
    """(ns, whether it went out, bytes of IPv4) of each in a pcap of nanoseconds."""
    with open(path, "rb") as file:
        data = file.read()
    at = 24
    while at + 16 <= len(data):
        seconds, nanos, kept, _ = struct.unpack_from("<IIII", data, at)
        frame = data[at + 16:at + 16 + kept]
        at += 16 + kept
        yield seconds * 1_000_000_000 + nanos, frame[26:30] == bytes([100, 80, 1, 1]), frame[14:]


def probe_of(kind, out, message):
    """What a request and its answer share; nothing of packets that no tool measures by."""
    if kind == "icmp":
        return message[4:8]  # id and sequence
    ours, theirs = (message[0:2], message[2:4]) if out else (message[2:4], message[0:2])
    payload = message[8:]
    if theirs == struct.pack("!H", 862):  # RFC 8762: the sender's sequence number; what settles a run's end comes behind
        number = payload[0:4] if out else payload[24:28]
        return ours + number if struct.unpack("!I", number)[0] < COUNT else None
    # irtt: magic (3), flags (1: opens 1, closes 4), token (8), sequence number
    return ours + payload[12:16] if payload[3] & 0x05 == 0 else None


def truth(path, kind):
    """Microseconds from each request to its answer, of those that came."""
    sent, times = {}, []
    for when, out, packet in packets(path):
        key = probe_of(kind, out, packet[20:])
        if key and out:
            sent.setdefault(key, when)
        elif key in sent:
            times.append((when - sent.pop(key)) / 1000)
    return times


def one(line, kind, run, folder):
    capture = f"{folder}/packets.pcap"
    with subprocess.Popen(["ip", "netns", "exec", line.left, "tcpdump", "-i", "red", "-n", "-w", capture, "--immediate-mode",
                           "-B", "8192", "--time-stamp-precision", "nano", kind], stderr=subprocess.PIPE, text=True) as tcpdump:
        tcpdump.stderr.readline()  # it listens
        figures = run(line)
        tcpdump.terminate()
    return figures, truth(capture, kind)


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    script = os.path.realpath(__file__)
    if os.environ.get("REHOME_PRIVATE") != script:
        return world.private(script, sys.argv[1:])
    world.private_init()
    rows = {name: {"off": 0, "errors": []} for name in TOOLS}
    with tempfile.TemporaryDirectory() as folder:
        line = real.Line(folder, 0)
        world.start_on(line.right, f"{BUILD}/bin/probe", "reflect", "--port", "862", "--max-rate", "100000",
                       stdout=subprocess.DEVNULL)
        world.start_on(line.right, "irtt", "server", "-b", f":{IRTT_PORT}", stdout=subprocess.DEVNULL)
        line.set(["loss=2%"])
        for number in range(rounds):
            for name, (kind, run, figure) in TOOLS.items():
                (received, middle), times = one(line, kind, run, folder)
                rows[name]["off"] += abs(received - len(times))
                rows[name]["errors"].append(abs(middle - figure(times)))
                print(f"round {number}, {name}: {received} of {len(times)}, {middle:.1f} us of {figure(times):.1f}",
                      file=sys.stderr)
    print(json.dumps({"rounds": rounds, "packets": COUNT, "rows": {
        name: {"off": row["off"], "error_us": round(statistics.median(row["errors"]), 1)} for name, row in rows.items()}}))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (world.Failed, subprocess.TimeoutExpired) as failed:
        print(f"beside.py: {failed}", file=sys.stderr)
        sys.exit(3)
