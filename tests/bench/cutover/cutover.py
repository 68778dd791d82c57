#!/usr/bin/env python3
"""What cutover's own work costs: make bench-cutover.

  cutover.py [FIGURE...] [--steps N] [--rounds N] [--json FILE]

Figures (all but the last without one):
  step        milliseconds a step besides the journal's syncs, over 10,000 steps; a sync's
  preflight   seconds for 100 hosts that answer in 50 ms
  resume      seconds until a journal of 100,000 records goes on
  turn        milliseconds from a bad sample, or the running act's end, until the undo has begun
  undo_demo   seconds from each stage of the demo until packets and fresh logins reach the old site (slow)

Files go to $BUILD/bench/cutover (default: build/bench/cutover), which must not be a tmpfs, as its syncs cost
nothing.  undo_demo needs root.  Exit codes: 0 measured, 2 wrong usage, 3 a figure failed.
"""
import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import time

sys.dont_write_bytecode = True  # nothing generated beside the sources

import undo_demo

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "../../.."))
BUILD = os.path.realpath(os.environ.get("BUILD", os.path.join(ROOT, "build")))
FILES = os.path.join(BUILD, "bench/cutover.d")
TOOLS = os.path.join(BUILD, "bench/cutover")
CUTOVER = os.path.join(BUILD, "bin/cutover")
INVENTORY = os.path.join(ROOT, "tests/lab/inventory.json")

TARGETS = {"step_ms": 1, "preflight_100_hosts_s": 3, "resume_100000_s": 1, "gate_to_undo_ms": 100,
           "undo_demo_s": 15}


class Failed(Exception):
    pass


def path(name):
    return os.path.join(FILES, name)


def fresh(name):
    """An empty folder."""
    shutil.rmtree(path(name), ignore_errors=True)
    os.makedirs(path(name))
    return path(name)


def write(name, content):
    with open(path(name), "w") as file:
        file.write(content if isinstance(content, str) else json.dumps(content))
    return path(name)


def book(steps, guards=()):
    return {"schema": "rehome/playbook/1", "name": "bench", "stages": [{"name": "s", "steps": steps}],
            **({"guards": list(guards)} if guards else {})}


def many(count, **step):
    return {"name": "step ${i}", "for_each": {"i": [str(i) for i in range(count)]}, **step}


def here():
    """The lab's inventory with all hosts here: a run holds its gateways."""
    with open(INVENTORY) as file:
        return write("inventory.json", re.sub('"netns:[^"]*"', '"local"', file.read()))


def cutover(*words, codes=(0,), **environment):
    """How long it took."""
    began = time.monotonic()
    done = subprocess.run([CUTOVER, *words], env={**os.environ, "REHOME_HAND_DIR": path("hand"), **environment}, stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
    took = time.monotonic() - began
    if done.returncode not in codes:
        raise Failed(f"cutover {' '.join(words)}: exit {done.returncode}: {done.stderr.strip()[-300:]}")
    return took


def journal(name):
    shutil.rmtree(path(name + ".d"), ignore_errors=True)
    if os.path.exists(path(name)):
        os.remove(path(name))
    return path(name)


def synced(folder):
    """Count and seconds of all processes that were timed."""
    parts = [open(os.path.join(folder, name)).read().split() for name in os.listdir(folder)]
    return sum(int(count) for count, _ in parts), sum(int(ns) for _, ns in parts) / 1e9


def step(options):
    """The same with holds, which run no command: the runner and the journal alone."""
    result = {"steps": options.steps}
    for kind, what in (("", {"do": [f"{TOOLS}/nothing"], "repeatable": True}), ("_without_command", {"hold": "Go on?"})):
        clock = fresh("sync_clock")
        took = cutover("run", write("many.json", book([many(options.steps, **what)])), "--inventory", here(),
                       "--journal", journal("many"), "--yes", SYNC_CLOCK=clock, LD_PRELOAD=f"{TOOLS}/sync_clock.so")
        count, seconds = synced(clock)
        result["step_ms" + kind] = round((took - seconds) * 1e3 / options.steps, 3)
        result["sync_ms" + kind] = round(seconds * 1e3 / count, 3)
        result["syncs_a_step" + kind] = round(count / options.steps, 2)
    return result


def hosts_of(count):
    """The lab's inventory with so many gateways, all reached by ssh."""
    with open(INVENTORY) as file:
        inventory = json.load(file)
    for at, site in enumerate(inventory["sites"]):
        first = site["gateways"][0]
        site["gateways"] = [{**first, "name": f"{site['name']}-gw{'' if i == 0 else i}",
                             "host": f"ssh:root@{site['name']}{i}.example",
                             "tunnel": {**first["tunnel"], "address": f"10.99.{at}.{i + 1}"}}
                            for i in range(count // 2)]
    return inventory


def preflight(options):
    inventory = write("hosts.json", hosts_of(100))
    look = {"gate": {"command": ["cat", path("figures.json")], "figures": [{"pointer": "/lost", "max": 0}]}}
    write("figures.json", {"lost": 0})
    steps = [{"name": f"${{{side}_gateway}} looks", "for_each": f"{side}_gateways", "on": f"${{{side}_gateway}}", **look}
             for side in ("old", "new")]
    ask = {"schema": "rehome/preflight-ask/1", "programs": [{"program": "cutover", "ours": True}, {"program": "cat", "ours": False}], "hand": "local", "tools": [],
           "inventories": [], "vipd": [], "bird": [], "routes": [], "folders": [], "samples": [look["gate"]["command"]]}
    answer = json.loads(subprocess.run([CUTOVER, "preflight-host"], input=json.dumps(ask), text=True,
                                       env={**os.environ, "PATH": f"{BUILD}/bin:{os.environ['PATH']}"},
                                       stdout=subprocess.PIPE, check=True).stdout)
    answer.update(began="@NOW@", ended="@NOW@")
    words = ("preflight", write("looks.json", book(steps)), "--inventory", inventory)
    environment = {"ANSWERS": write("answer.json", answer), "PATH": f"{TOOLS}:{os.environ['PATH']}"}
    took = sorted(cutover(*words, **environment) for _ in range(options.rounds))
    return {"preflight_100_hosts_s": round(took[-1], 3), "preflight_100_hosts_s_median": round(statistics.median(took), 3)}


def resume(options):
    steps = 10_000
    playbook = write("many.json", book([many(steps, do=[f"{TOOLS}/nothing"], repeatable=True)]))
    took = []
    for _ in range(options.rounds):
        fresh("hand")  # which has heard of the run before: it is the same one each time
        run_dir = fresh("resume.d")
        subprocess.run([f"{TOOLS}/journal_of", playbook, here(), run_dir, str(steps), "100000", journal("resume")],
                       check=True)
        lines = sum(1 for _ in open(path("resume")))
        if lines != 100_001:
            raise Failed(f"the journal has {lines} lines, expected 100001")
        took.append(cutover("resume", "--journal", path("resume")))
    took.sort()
    return {"resume_100000_s": round(took[-1], 3), "resume_100000_s_median": round(statistics.median(took), 3)}


def stamps(name):
    with open(path(name)) as file:
        return [int(line) for line in file]


def turned(name, steps, guards=()):
    """Milliseconds from the stamp "bad" until the undo's."""
    for stamp in ("bad", "undo"):
        if os.path.exists(path(stamp)):
            os.remove(path(stamp))
    cutover("run", write(f"{name}.json", book(steps, guards)), "--inventory", here(), "--journal", journal(name),
            codes=(1,))
    return (stamps("undo")[0] - stamps("bad")[-1]) / 1e6


def turn(options):
    stamp = f"{TOOLS}/stamp"
    made = ["test", "-e", path("made")]
    undo = {"check": made, "undo": ["sh", "-c", f"{stamp} {path('undo')} && rm {path('made')}"]}
    first = {"name": "make", "do": ["touch", path("made")], **undo}
    gate = {"name": "bad", "timeout_s": 20,
            "gate": {"command": [stamp, path("bad"), '{"lost": 9}'],
                     "figures": [{"pointer": "/lost", "max": 0, "at_once": True}]}}
    busy = {"name": "busy", "do": ["sh", "-c", f"sleep 1; {stamp} {path('bad')}"], "repeatable": True}
    guard = {"name": "bad", "command": ["date", "-u", '+{"at": "%FT%T.%6NZ", "lost": 9}'], "every_s": 0.2,
             "fresh": "/at", "figures": [{"pointer": "/lost", "max": 0}], "from": "s/busy"}
    result = {}
    for name, steps, guards in (("gate", [first, gate], ()), ("act", [first, busy, {"name": "end", "hold": "?"}], [guard])):
        took = sorted(turned(name, steps, guards) for _ in range(options.rounds * 2))
        result[f"{name}_to_undo_ms"] = round(took[-1], 1)
        result[f"{name}_to_undo_ms_median"] = round(statistics.median(took), 1)
    return result


FIGURES = {"step": step, "preflight": preflight, "resume": resume, "turn": turn}
ON_REQUEST = {"undo_demo": lambda _: undo_demo.undo_demo(ROOT, BUILD)}


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("figures", nargs="*", metavar="FIGURE")
    parser.add_argument("--steps", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", default=os.path.join(BUILD, "bench/cutover.json"), metavar="FILE")
    options = parser.parse_args(arguments)
    options.figures = options.figures or list(FIGURES)
    for figure in options.figures:
        if figure not in {**FIGURES, **ON_REQUEST}:
            parser.error(f"figure {figure}, expected one of {', '.join([*FIGURES, *ON_REQUEST])}")
    return options


def kept(options):
    """What was measured before stays, so that the slow ones are not taken each time."""
    try:
        with open(options.json) as file:
            return json.load(file)
    except (OSError, ValueError):
        return {"schema": "rehome/bench-cutover/1"}


def main():
    options = parse(sys.argv[1:])
    os.makedirs(FILES, exist_ok=True)
    kind = subprocess.run(["stat", "-f", "-c", "%T", FILES], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    if kind == "tmpfs":
        print(f"cutover.py: {FILES} is a tmpfs, expected a disk", file=sys.stderr)
        return 2
    result, failed = kept(options), False
    for figure in options.figures:
        try:
            measured = {**FIGURES, **ON_REQUEST}[figure](options)
        except (Failed, subprocess.SubprocessError, OSError) as error:
            print(f"{figure}: {error}", file=sys.stderr)
            failed = True
            continue
        result.update(measured)
        for name, value in measured.items():
            target = f"  (below {TARGETS[name]})" if name in TARGETS else ""
            print(f"{name:32} {value}{target}", flush=True)
    with open(options.json, "w") as file:
        json.dump({**result, "filesystem": kind}, file, indent=2)
    return 3 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
