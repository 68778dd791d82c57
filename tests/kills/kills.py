#!/usr/bin/env python3
"""Kills cutover, or its hand, at every call that writes, and looks what becomes of the run: make test-kills.

  kills.py [--every N] [--only REGEX]

A small playbook is run once to see its system calls, then once more for each of them, with SIGKILL as it enters that
call (strace -e inject), and then resumed until it ends.  Its acts and undos leave a line each in files, so that what is
lost or done twice is seen: every act with a check is done exactly once and undone at most once, one that is merely
repeatable at least once; what ends "done" is done, and what is backed out is as it was before.  Three ways: forwards; back,
because a gate fails; and the resume of a run that was killed in the middle of an act.

The hand is killed by tests/kills/kill_at.cpp, and cutover lives: it reaches a new hand, and goes on or backs out by
itself, or stops and is resumed.  What ends "done" is done once, what is backed out is undone as often as it was done.

--every N: each Nth case alone, a fixed sample.  Files go to a folder of their own, in /tmp.  Exit codes: 0 all well, 1 a
case failed, 3 it could not be tried.
"""
import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True  # nothing generated beside the sources

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "../.."))
BUILD = os.path.realpath(os.environ.get("BUILD", os.path.join(ROOT, "build")))
CUTOVER = os.path.join(BUILD, "bin/cutover")
INVENTORY = os.path.join(ROOT, "tests/lab/inventory.json")  # with all hosts here

WRITING = ("write", "pwrite64", "fsync", "fdatasync", "rename", "renameat", "renameat2", "ftruncate", "unlink", "mkdir",
           "clone", "clone3", "fork", "vfork", "openat")
KILL_AT = os.path.join(BUILD, "kills/kill_at.so")
HAND_WORDS = "cutover hand serve"
LIMIT_S = 30
RESUMES = 5
CHECKED = ("a", "b", "c")
HAND = "call"  # any that writes, of the hand


class Wrong(Exception):
    pass


def step(name, folder):
    done, undone = f"{folder}/{name}.do", f"{folder}/{name}.undo"
    lines = f'[ "$(cat {done} 2>/dev/null | wc -l)" -gt "$(cat {undone} 2>/dev/null | wc -l)" ]'
    return {"name": name, "do": ["sh", "-c", f"echo {name} >>{done}"], "check": ["sh", "-c", lines],
            "undo": ["sh", "-c", f"echo {name} >>{undone}"]}


def book(folder, fails):
    """fails: the gate at the end, so that all is backed out."""
    again = {"name": "again", "repeatable": True, "save": "${run_dir}/again",
             "do": ["sh", "-c", f"echo again >>{folder}/again.do; echo printed"]}
    gate = {"name": "gate", "gate": {"command": ["echo", '{"lost": 0}'], "tries": 1,
                                     "figures": [{"pointer": "/lost", "max": -1 if fails else 0}]}}
    steps = [step("a", folder), again, step("b", folder), {"name": "hold", "hold": "Go on?"}, step("c", folder), gate]
    return {"schema": "rehome/playbook/1", "name": "kills", "stages": [{"name": "s", "steps": steps}]}


class Case:
    """One run in a folder of its own."""

    def __init__(self, folder, fails):
        self.folder, self.fails = folder, fails
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        with open(f"{folder}/book.json", "w") as file:
            json.dump(book(folder, fails), file)
        with open(INVENTORY) as lab, open(f"{folder}/inventory.json", "w") as file:
            file.write(re.sub('"netns:[^"]*"', '"local"', lab.read()))
        self.said = ""

    def command(self, word):
        common = ["--journal", f"{self.folder}/journal", "--yes"]
        return [CUTOVER, "run", f"{self.folder}/book.json", "--inventory",
                f"{self.folder}/inventory.json", *common] if word == "run" else \
            [CUTOVER, "resume", *common]

    def run(self, word, *strace, **environment):
        """The exit code; less than 0: it was killed."""
        done = subprocess.run([*strace, *self.command(word)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              stdin=subprocess.DEVNULL, text=True, timeout=LIMIT_S, env={**os.environ, "REHOME_HAND_DIR": f"{self.folder}/hand", **environment})
        self.said += f"--- {word}: {done.returncode}\n{done.stdout}"
        return done.returncode

    def killed(self, word, call, number):
        return self.run(word, "strace", "-qq", "-o", "/dev/null", "-e", f"trace={call}",
                        "-e", f"inject={call}:signal=KILL:when={number}")

    def with_hand_killed(self, number):
        """The exit code, and whether a hand was killed."""
        once = f"{self.folder}/killed"
        code = self.run("run", LD_PRELOAD=KILL_AT, KILL_WHO=HAND_WORDS, KILL_AT=str(number), KILL_ONCE=once)
        return code, os.path.exists(once)

    def count(self, name):
        try:
            with open(f"{self.folder}/{name}") as file:
                return len(file.readlines())
        except FileNotFoundError:
            return 0

    def settle(self):
        """Until it ends by itself; a run that had not begun yet is begun."""
        for _ in range(RESUMES):
            code = self.run("resume")
            if code == 2:
                if any(self.count(f"{name}.do") for name in CHECKED):
                    raise Wrong("acts were done, and there is nothing to resume")
                code = self.run("run")
            if code in (0, 1):
                return code
        raise Wrong(f"it has not ended after {RESUMES} resumes")

    def judge_hand(self, code):
        """Of a run that has lost its hand: whichever way it ended, that is true."""
        if self.fails and code == 0:
            raise Wrong("exit 0, and the gate has not passed")
        for name in CHECKED:
            done, undone = self.count(f"{name}.do"), self.count(f"{name}.undo")
            # One that was cut before it had done anything may have come halfway, for all that can be told.
            if (done, undone) not in ([(1, 0)] if code == 0 else [(0, 0), (0, 1), (1, 1)]):
                raise Wrong(f"exit {code}, and {name} was done {done} and undone {undone} times")

    def judge(self, code):
        if code != (1 if self.fails else 0):
            raise Wrong(f"exit {code}, expected {1 if self.fails else 0}")
        for name in CHECKED:
            counts = (self.count(f"{name}.do"), self.count(f"{name}.undo"))
            expected = (1, 1) if self.fails else (1, 0)
            if counts != expected:
                raise Wrong(f"{name} was done and undone {counts} times, expected {expected}")
        if not 1 <= self.count("again.do") <= 1 + RESUMES:
            raise Wrong(f"again was done {self.count('again.do')} times")


def calls_of(case, word):
    """Each writing call of a run, as (CALL, which of its kind); of openat those that make files."""
    trace = f"{case.folder}/trace"
    case.run(word, "strace", "-qq", "-o", trace, "-e", "trace=" + ",".join(f"?{call}" for call in WRITING))
    counts, calls = {}, []
    with open(trace, errors="replace") as file:
        for line in file:
            found = re.match(r"(\w+)\(", line)
            if not found or found[1] not in WRITING:
                continue
            call = found[1]
            counts[call] = counts.get(call, 0) + 1
            if call != "openat" or "O_CREAT" in line:
                calls.append((call, counts[call]))
    return calls


def half_done(folder):
    """A run that was killed while its second checked act was under way."""
    case = Case(folder, False)
    calls = [number for call, number in calls_of(Case(folder + ".look", False), "run") if call in ("clone", "clone3")]
    kind = next(call for call, _ in calls_of(Case(folder + ".look", False), "run") if call in ("clone", "clone3"))
    case.killed("run", kind, calls[len(calls) // 2])
    return case


WAYS = {"forwards": ("run", lambda folder: Case(folder, False)), "back": ("run", lambda folder: Case(folder, True)),
        "resumed": ("resume", half_done)}


def cases(folder):
    for way, (word, make) in WAYS.items():
        for call, number in calls_of(make(f"{folder}/look"), word):
            yield way, word, make, call, number
    for way in ("forwards", "back"):
        make = WAYS[way][1]
        case = make(f"{folder}/look")
        case.run("run", LD_PRELOAD=KILL_AT, KILL_WHO=HAND_WORDS, KILL_COUNT=f"{folder}/count")
        with open(f"{folder}/count") as file:
            calls = int(file.readlines()[-1])
        for number in range(1, calls + 1):
            yield f"{way}, the hand", "run", make, HAND, number


def attempt_hand(case, number):
    code, killed = case.with_hand_killed(number)
    if not killed:
        raise Wrong(f"no hand was killed, exit {code}")
    case.judge_hand(code if code in (0, 1) else case.settle())


def attempt(folder, word, make, call, number):
    """What went wrong; empty: nothing."""
    case = make(folder)
    try:
        if call == HAND:
            attempt_hand(case, number)
            return ""
        code = case.killed(word, call, number)
        # strace ends as its tracee did.
        if code not in (-9, 137):
            raise Wrong(f"was not killed, exit {code}")
        case.judge(case.settle())
    except (Wrong, subprocess.TimeoutExpired) as wrong:
        return f"{wrong}\n{case.said}"
    return ""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--only", default="", metavar="REGEX", help="of WAY CALL NUMBER")
    options = parser.parse_args()
    if not shutil.which("strace"):
        print("kills.py: no strace", file=sys.stderr)
        return 3
    failed = tried = 0
    with tempfile.TemporaryDirectory(prefix="kills.") as folder:
        every = [case for case in cases(folder) if re.search(options.only, f"{case[0]} {case[3]} {case[4]}")]
        sample = every[::options.every]
        for i, (way, word, make, call, number) in enumerate(sample):
            if sys.stderr.isatty():
                print(f"\r{i} of {len(sample)}: {way} {call} {number}\x1b[K", end="", file=sys.stderr)
            wrong = attempt(f"{folder}/case", word, make, call, number)
            tried += 1
            if wrong:
                failed += 1
                print(f"FAILED  {way}, killed at {call} {number}: {wrong}", flush=True)
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr)
    print(f"{tried} of {len(every)} kills: {tried - failed} well, {failed} failed")
    return 1 if failed or not tried else 0


if __name__ == "__main__":
    sys.exit(main())
