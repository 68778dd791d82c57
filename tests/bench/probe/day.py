#!/usr/bin/env python3
"""How long the report of a day takes: three carriers, ten probes a second (day.cpp makes the records).

  day.py [RUNS]

Prints JSON: seconds by the clock and of the processors, and what is written.  Exit codes: 0 measured, 3 not.
"""
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.realpath(__file__))
BUILD = os.path.realpath(os.environ.get("BUILD", os.path.join(HERE, "../../../build")))


def processor_s():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def one(folder):
    records = [os.path.join(folder, f"{carrier}.db") for carrier in ("red", "green", "blue")]
    out = os.path.join(folder, "night")
    before, begin = processor_s(), time.monotonic()
    subprocess.run([os.path.join(BUILD, "bin/probe"), "report", *records, "--control", "blue", "--out", out],
                   stdout=subprocess.DEVNULL, check=True)
    figures = time.monotonic() - begin, processor_s() - before
    size = sum(os.path.getsize(os.path.join(path, name)) for path, _, names in os.walk(out) for name in names)
    shutil.rmtree(out)
    return *figures, size


def main():
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    with tempfile.TemporaryDirectory(dir=os.path.join(BUILD, "bench")) as folder:
        try:
            subprocess.run([os.path.join(BUILD, "bench/probe/day"), folder], check=True)
            times = [one(folder) for _ in range(runs)]
        except subprocess.CalledProcessError:
            return 3
    wall = [t[0] for t in times]
    print(json.dumps({"best": round(min(wall), 2), "median": round(statistics.median(wall), 2),
                      "processor_s": round(statistics.median(t[1] for t in times), 2), "bytes": times[0][2],
                      "runs": runs}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
