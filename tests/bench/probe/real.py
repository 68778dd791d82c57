#!/usr/bin/env python3
"""Twenty real pairs a row: probe run and compare over the lab's line (tests/lab/wire.cpp), all lines side by side.

  real.py [--pairs N] [--seconds N] [ROW ...]

They stand beside the simulated pairs (compare.cpp) and claim nothing: twenty are too few for a share.  What they show is
that real sockets, clocks and lines give what the simulation takes for granted.  Each pair is two paths (icmp, tcp) of a
minute at 150 probes a second before and now, with its own line and seed.  Prints JSON; what goes on is on standard error.
Exit codes: 0 measured, 2 wrong usage, 3 not.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True  # nothing generated beside the sources

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "../../.."))
BUILD = os.path.realpath(os.environ.get("BUILD", os.path.join(ROOT, "build")))
sys.path.insert(0, os.path.join(ROOT, "tests/bench"))
import world  # noqa: E402  # it stands in the folder above

RATE = 150
VERDICT = {0: "no_worse", 1: "worse", 4: "cannot_tell"}
# A line's settings before and now.  Bursts of ten: a state that loses all and lasts for ten packets on average.
BURST = ["burst=0.0505%", "burst-length=20", "burst-loss=90%"]
ROWS = {
    "clean": ([], []),
    "independent 1 %": (["loss=0.5%"], ["loss=0.5%"]),
    "bursts": (BURST, BURST),
    "independent, 0 to 6 %": ([], ["loss=3%"]),
    "30 ms slower": ([], ["delay=35ms"]),
}
LISTENER = """
import socket
with socket.socket() as s:
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("", 1883)); s.listen(128)
    while True: s.accept()[0].close()
"""


class Line:
    """A vantage, a line and a target of their own."""

    def __init__(self, folder, number):
        self.left, self.line, self.right = (f"{name}{number}" for name in ("left", "line", "right"))
        self.number = number
        self.control = f"{folder}/wire{number}.sock"
        for name in (self.left, self.line, self.right):
            world.namespace(name)
        world.veth(self.left, "red", self.line, "a")
        world.veth(self.line, "b", self.right, "r")
        for host, device, address in ((self.left, "red", 1), (self.right, "r", 2)):
            world.sh("ip", "-n", host, "address", "add", f"100.80.1.{address}/24", "dev", device)
        self.daemons = [
            world.start_on(self.line, f"{BUILD}/lab/wire", "run", "--up", "a", "--down", "b", "--seed", str(number + 1),
                           "--control", self.control, "--record", f"{folder}/packets{number}", "--record-mib", "1", "delay=5ms"),
            world.start_on(self.right, "python3", "-c", LISTENER)]
        world.wait_until(20, f"line {number} carries", self.carries)

    def carries(self):
        return subprocess.run(["ip", "netns", "exec", self.left, "ping", "-qc1", "-W1", "100.80.1.2"], check=False,
                              stdout=subprocess.DEVNULL).returncode == 0

    def set(self, settings):
        world.on(self.line, f"{BUILD}/lab/wire", "set", self.control, "delay=5ms", "loss=0%", "burst=0%", *settings)

    def measure(self, file, seconds):
        return world.start_on(self.left, f"{BUILD}/bin/probe", "run", "--carrier", "red", "--source", "100.80.1.1",
                              "--target", "100.80.1.2:1883", "--count", str(seconds * RATE), "--rate", str(RATE), "--json",
                              stdout=open(file, "w", encoding="utf-8"), stderr=subprocess.DEVNULL)


def measure(lines, settings, folder, name, seconds):
    for line in lines:
        line.set(settings)
    running = [line.measure(f"{folder}/{name}{line.number}.json", seconds) for line in lines]
    for process in running:
        if process.wait(timeout=seconds + 60) != 0:
            raise world.Failed(f"probe run: exit code {process.returncode}")


def row(lines, before, now, folder, seconds):
    measure(lines, before, folder, "base", seconds)
    measure(lines, now, folder, "now", seconds)
    tally = dict.fromkeys(VERDICT.values(), 0)
    why = []
    for line in lines:
        done = subprocess.run([f"{BUILD}/bin/probe", "compare", f"{folder}/base{line.number}.json",
                               f"{folder}/now{line.number}.json", "--json"], capture_output=True, text=True, check=False)
        if done.returncode not in VERDICT:
            raise world.Failed(f"probe compare: {done.stderr}")
        tally[VERDICT[done.returncode]] += 1
        why += json.loads(done.stdout)["obstacles"]
    return tally, sorted(set(why))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"some of: {', '.join(ROWS)}")
    options = parser.parse_args()
    if unknown := set(options.rows) - set(ROWS):
        parser.error(f"row {sorted(unknown)[0]}, expected one of {', '.join(ROWS)}")
    script = os.path.realpath(__file__)
    if os.environ.get("REHOME_PRIVATE") != script:
        return world.private(script, sys.argv[1:])
    world.private_init()
    result = {"pairs": options.pairs, "seconds": options.seconds, "rows": []}
    with tempfile.TemporaryDirectory() as folder:
        lines = [Line(folder, number) for number in range(options.pairs)]
        for name in options.rows or ROWS:
            tally, why = row(lines, *ROWS[name], folder, options.seconds)
            result["rows"].append({"row": name, **tally, "obstacles": why})
            print(f"real pairs, {name}: {tally}", file=sys.stderr)
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (world.Failed, subprocess.TimeoutExpired) as failed:
        print(f"real.py: {failed}", file=sys.stderr)
        sys.exit(3)
