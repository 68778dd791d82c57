#!/usr/bin/env python3
"""Kills what lbsync runs on a target, at every call that writes, and looks what stands there then: tests/kills/targets.sh.

  targets.py [--every N] [--only REGEX]

An old gateway's rules and services are carried to a new one, in five ways: applied; applied until confirmed; confirmed;
undone by the target's own timer; undone by the operator.  For each process that takes part (lbsync's on the target, nft
with the transaction, lbsync itself) the way is gone once to count its calls that write, then once more for each of
them, with SIGKILL as the process enters that call (kill_at.cpp).  Then

  - the target's rules, its boot file and vipd's file are the old ones or the new ones, each of them whole, and no other
    file stands beside them that a host could load;
  - the lock can be had;
  - what lbsync has said and says now is true: exit 0 is done, "backed out" is as before, and verify and confirm tell the
    state that is there;
  - undo leads back to the old state, and nothing waits any more.

--every N: each Nth case alone, a fixed sample.  Exit codes: 0 all well, 1 a case failed, 3 it could not be tried.
"""
import argparse
import collections
import json
import os
import re
import shutil
import subprocess
import sys
import time

sys.dont_write_bytecode = True

BUILD = os.environ["BUILD"]
DIR = os.environ["dir"]
KILL_AT = os.path.join(BUILD, "kills/kill_at.so")
LIMIT_S = 30

TARGET = "new-gw"
INVENTORY = f"{DIR}/gateways.json"
STATE = f"{DIR}/state.json"
BOOT = f"{DIR}/boot/boot.nft"
VIPD = f"{DIR}/new-gw/vipd.json"
ONCE = f"{DIR}/once/killed"
COUNT = f"{DIR}/count"
PLACES = "/run/lbsync"

RULES = "table inet filter {{ chain input {{ type filter hook input priority 0; policy drop; tcp dport {} accept; }}; }}\n"
SERVICE = [{"name": "meters", "vip": "198.51.100.10", "protocol": "tcp", "port": 1883, "forward": "nat",
            "servers": [{"name": "s1", "address": "10.1.1.11", "port": 1883, "weight": 1}]}]


class Wrong(Exception):
    pass


def run(*argv, said=None, check=False, text=None, **environment):
    """The exit code; less than 0: it was killed."""
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=LIMIT_S, input=text,
                          env={**os.environ, **environment})
    if said is not None:
        said.append(f"--- {' '.join(argv)}: {done.returncode}\n{done.stdout}")
    if check and done.returncode != 0:
        raise Wrong(f"{' '.join(argv)}: exit {done.returncode}: {done.stdout}")
    return done.returncode, done.stdout


def on(host, *argv, **options):
    return run("ip", "netns", "exec", host, *argv, **options)


def lbsync(word, *options, **more):
    return run("lbsync", word, "--inventory", INVENTORY, *options, **more)


def load(host, text):
    on(host, "nft", "-f", "-", text="flush ruleset\n" + text, check=True)


def read(path):
    with open(path) as file:
        return file.read()


def write(path, text):
    with open(path, "w") as file:
        file.write(text)


State = collections.namedtuple("State", "rules boot vipd")


def state_now():
    return State(on(TARGET, "nft", "-s", "list", "ruleset", check=True)[1], read(BOOT), read(VIPD))


def standing():
    return json.loads(on(TARGET, "lbsync", "armed", check=True)[1])


class World:
    """The files and rules before an apply, and after it."""

    def __init__(self):
        with open(f"{DIR}/inventory.json") as file:
            inventory = json.load(file)
        for service in inventory["services"]:
            for server in service["servers"]:
                del server["old"]["host"], server["new"]["host"]
        write(INVENTORY, json.dumps(inventory))
        self.without = read(VIPD)
        self.reset()
        self.old = state_now()
        self.apply(check=True)
        self.new = state_now()
        if any(old == new for old, new in zip(self.old, self.new)):
            raise Wrong(f"something does not change: {self.old} and {self.new}")

    def reset(self):
        # Who waits for a case before ends with the record that it watches.
        for folder in (PLACES, f"{DIR}/boot", f"{DIR}/once"):
            shutil.rmtree(folder, ignore_errors=True)
        for folder in (f"{DIR}/boot", f"{DIR}/once"):
            os.makedirs(folder)
        for path in (STATE, COUNT):
            if os.path.exists(path):
                os.unlink(path)
        write(BOOT, "")
        write(VIPD, self.without)
        old = json.loads(read(f"{DIR}/old-gw/vipd.json"))
        write(f"{DIR}/old-gw/vipd.json", json.dumps({**old, "services": SERVICE}))
        load("old-gw", RULES.format(81))
        load(TARGET, RULES.format(80))

    def apply(self, *options, **more):
        return lbsync("apply", "--state", STATE, "--boot-file", BOOT, "--no-reload", *options, **more)


# ---- the ways -----------------------------------------------------------------------------------
# Each: what comes before, and the command in which something is killed.


def nothing(_world):
    pass


def applied(world):
    world.apply("--confirm", "600", check=True)


def let_time_pass(world, **environment):
    """The timer of an apply, whose time is over in a second."""
    armed = standing()
    on(TARGET, "lbsync", "disarm", "--id", armed["armed"]["id"], check=True)
    armed["armed"]["id"] = "0" * 16
    result = on(TARGET, "lbsync", "arm", "--seconds", "1", text=json.dumps(armed), **environment)
    for _ in range(LIMIT_S * 20):
        now = standing()
        if now["armed"] is None or not now["waits"]:
            return result
        time.sleep(0.05)
    raise Wrong("its time is over, and it is still armed and waited for")


Way = collections.namedtuple("Way", "before act who")
WAYS = {
    "applied": Way(nothing, lambda world, **more: world.apply(**more),
                   ("lbsync hold", "lbsync load", "nft -f -", "lbsync put", "lbsync apply")),
    "armed": Way(nothing, lambda world, **more: world.apply("--confirm", "600", **more),
                 ("lbsync hold", "lbsync arm", "lbsync wait", "lbsync load", "nft -f -", "lbsync apply")),
    "confirmed": Way(applied, lambda world, **more: lbsync("confirm", **more), ("lbsync disarm", "lbsync confirm")),
    "timed": Way(applied, let_time_pass, ("lbsync wait", "lbsync load", "nft -f -")),
    "undone": Way(applied, lambda world, **more: run("lbsync", "undo", "--state", STATE, **more),
                  ("lbsync hold", "lbsync load", "nft -f -", "lbsync disarm", "lbsync undo")),
    "undone later": Way(nothing, lambda world, **more: (world.apply(check=True),
                                                        run("lbsync", "undo", "--state", STATE, **more))[1],
                        ("lbsync put",)),
}


# ---- what stands then ---------------------------------------------------------------------------


def expect_whole(world, now):
    for part, is_now, old, new in zip(State._fields, now, world.old, world.new):
        if is_now not in (old, new):
            raise Wrong(f"{part} is neither old nor new: {is_now!r}")
    strange = [name for name in os.listdir(f"{DIR}/boot") if name != "boot.nft" and not name.startswith(".")]
    if strange:
        raise Wrong(f"beside the boot file stands {strange}")


def expect_free():
    """Soon: who holds the lock for one who was killed ends with the connection to him."""
    for _ in range(40):
        code, said = on(TARGET, "lbsync", "hold", "--by", "test", "--command", "look", text="")
        if code == 0:
            return
        time.sleep(0.05)
    raise Wrong(f"the lock cannot be had: {said}")


def expect_truth_of(way, code, world, now):
    """Of the command in which something was killed."""
    if code == 0 and way in ("applied", "armed") and now.rules != world.new.rules:
        raise Wrong("apply says that it is done, and the rules are old")
    if code == 0 and way in ("applied", "confirmed") and now != world.new:
        raise Wrong(f"exit 0, and not all is new: {now}")
    if code == 0 and way.startswith("undone") and now != world.old:
        raise Wrong(f"exit 0, and not all is old: {now}")
    if code == 1 and way in ("applied", "armed") and (now != world.old or standing()["armed"] is not None):
        raise Wrong(f"apply says that it is backed out, and it is not: {now}, {standing()}")


def expect_truth_now(world, now, said):
    armed = standing()["armed"] is not None
    code = lbsync("confirm", "--dry-run", said=said)[0]
    if armed and code != 1:
        raise Wrong(f"something waits, and confirm --dry-run says {code}")
    # What waits to be confirmed counts as written.
    files_new = (armed or now.boot == world.new.boot) and (armed or now.vipd == world.new.vipd)
    equal = now.rules == world.new.rules and files_new
    code = lbsync("verify", "--no-reload", "--boot-file", BOOT, said=said)[0]
    expected = 1 if not equal else 4 if armed else 0
    if code != expected:
        raise Wrong(f"verify says {code}, expected {expected}: armed {armed}, {now}")


def expect_way_back(world, said):
    if not os.path.exists(STATE):
        if state_now() != world.old or standing()["armed"] is not None:
            raise Wrong("something was changed or armed, and there is no state file")
        return
    code = run("lbsync", "undo", "--state", STATE, said=said)[0]
    if code != 0 or state_now() != world.old or standing()["armed"] is not None:
        raise Wrong(f"undo says {code}, and this is there: {state_now()}, {standing()}")


def judge(world, way, code, said):
    expect_free()
    now = state_now()
    expect_whole(world, now)
    expect_truth_of(way, code, world, now)
    expect_truth_now(world, now, said)
    expect_way_back(world, said)


# ---- the cases ----------------------------------------------------------------------------------


def environment_of(who, nth, **more):
    return {"LD_PRELOAD": KILL_AT, "KILL_WHO": who, "KILL_NTH": str(nth), "KILL_ONCE": ONCE, **more}


def counted(world, way, who, nth):
    """How many calls the nth such process makes; 0: there is none."""
    world.reset()
    WAYS[way].before(world)
    WAYS[way].act(world, **environment_of(who, nth, KILL_COUNT=COUNT))
    if who == "lbsync wait" and way == "armed":  # it ends when nothing waits any more
        run("lbsync", "undo", "--state", STATE, check=True)
        time.sleep(0.5)
    return int(read(COUNT).split()[-1]) if os.path.exists(COUNT) else 0


def cases(world, only):
    for way, (_, _, whos) in WAYS.items():
        for who in (who for who in whos if re.search(only, f"{way},{who}")):
            nth = 0
            while calls := counted(world, way, who, nth):
                yield from ((way, who, nth, number) for number in range(1, calls + 1))
                nth += 1
            if nth == 0:
                raise Wrong(f"{way}: no `{who}` is run")


def attempt(world, way, who, nth, number):
    """What went wrong, empty: nothing; and whether anybody was killed."""
    said = []
    try:
        world.reset()
        WAYS[way].before(world)
        code = WAYS[way].act(world, said=said, **environment_of(who, nth, KILL_AT=str(number)))[0]
        judge(world, way, code, said)
    except (Wrong, subprocess.TimeoutExpired) as wrong:
        return f"{wrong}\n" + "\n".join(said), True
    return "", os.path.exists(ONCE)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--only", default="", metavar="REGEX", help="of WAY,PROCESS")
    options = parser.parse_args()
    world = World()
    failed = tried = missed = 0
    every = list(cases(world, options.only))
    for case in every[::options.every]:
        wrong, killed = attempt(world, *case)
        tried += 1
        missed += not killed
        if wrong:
            failed += 1
            way, who, nth, number = case
            print(f"FAILED  {way}, `{who}` ({nth}) killed at call {number}: {wrong}", flush=True)
    # A process of several threads, or one that waits, may make a call less than it did when it was counted.
    print(f"{tried} of {len(every)} kills on a target: {tried - failed} well, {failed} failed, {missed} came too late")
    return 1 if failed or missed * 10 > tried or not tried else 0


if __name__ == "__main__":
    sys.exit(main())
