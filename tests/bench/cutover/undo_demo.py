"""How long backing out takes until the old site serves again, from each stage of the demo's move.

The move runs in the lab with a tenth of the demo's sessions, is stopped as the next stage begins, and `cutover undo` is
started.  The clock stops when no client goes to the new site any more: the share is 0, every carrier's packets come in by
the old line and none by the new one, and after that a fresh login has succeeded by each carrier.  The re-logins of
what the new site served come after, at their pace.
"""
import json
import os
import shutil
import subprocess
import tempfile
import time

# A stage that is done when the journal names a step that begins so.
STAGES = (("relay 1 %", "relay 10 %/"), ("relay 50 %", "relay 100 %/"), ("relay 100 %", "relay proven/"),
          ("carrier red", "carrier green/"), ("carrier blue", "log in again/"), ("log in again", "release/"))
LIMIT_S = 240


class Lab:
    def __init__(self, root, build):
        self.root, self.build = root, build
        self.name = f"undo-{os.getpid()}"
        self.folder = tempfile.mkdtemp(prefix="undo.")
        self.journal = f"{self.folder}/journal"

    def __enter__(self):
        self.lab("up", "--build", self.build)
        self.run("sed", "-i", 's/"sessions_per_carrier": 1000/"sessions_per_carrier": 100/; '
                 's/"shared_source_sessions": 200/"shared_source_sessions": 20/', "/run/rehome/inventory.json")
        return self

    def __exit__(self, *_):
        self.lab("down")
        shutil.rmtree(self.folder)

    def lab(self, *words):
        return subprocess.run([f"{self.root}/tests/lab/lab", *words], env={**os.environ, "LAB": self.name},
                              stdout=subprocess.PIPE, text=True, check=True, timeout=LIMIT_S).stdout

    def run(self, *words):
        return self.lab("run", *words)

    def start(self, *words):
        log = open(f"{self.folder}/log", "a")
        return subprocess.Popen([f"{self.root}/tests/lab/lab", "run", "cutover", *words, "--journal", self.journal],
                                env={**os.environ, "LAB": self.name}, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def status(self, side):
        return json.loads(self.run("vipctl", "--socket", f"/run/rehome/{side}-gw/vipd.sock", "status", "--json"))

    def logins(self):
        return json.loads(self.run("cutover", "login", "status", "--dir", f"{self.journal}.d/logins", "--json"))

    def has_begun(self, prefix):
        try:
            with open(self.journal) as file:
                return any(f'"step":"{prefix}' in line and '"begun"' in line for line in file)
        except FileNotFoundError:
            return False


def wait(condition, what):
    end = time.monotonic() + LIMIT_S
    while not condition():
        if time.monotonic() > end:
            raise OSError(f"not within {LIMIT_S} s: {what}")
        time.sleep(0.05)


def received(status):
    return {line["carrier"]: line["rx_vip_packets"] for line in status["lines"]}


def canaries(logins):
    return {carrier["carrier"]: carrier["canary"]["ok"] for carrier in logins["carriers"]}


def packets_reach_old(lab, before):
    """Since the sample before; the samples for the next time."""
    old, new = lab.status("old"), lab.status("new")
    now = (received(old), received(new))
    reach = before is not None and old["share"]["percent"] == 0 and \
        all(now[0][carrier] > before[0][carrier] for carrier in now[0]) and now[1] == before[1]
    return reach, now


def until_old_serves(lab, began):
    reach, before = packets_reach_old(lab, None)
    while not reach:
        if time.monotonic() - began > LIMIT_S:
            raise OSError(f"packets do not reach the old site within {LIMIT_S} s")
        time.sleep(0.2)
        reach, before = packets_reach_old(lab, before)
    first = canaries(lab.logins())
    wait(lambda: all(ok > first[name] for name, ok in canaries(lab.logins()).items()), "a fresh login by each carrier")
    return time.monotonic() - began


def one(root, build, prefix):
    with Lab(root, build) as lab:
        move = lab.start("run", f"{root}/playbooks/subnet-move.json", "--inventory", "/run/rehome/inventory.json", "--yes",
                         "--set", "observe_s=1", "--set", "settle_s=1")
        wait(lambda: lab.has_begun(prefix) or move.poll() is not None, prefix)
        lab.run("pkill", "-TERM", "-f", f"^cutover run .*{lab.journal}$")
        move.wait(timeout=LIMIT_S)
        began = time.monotonic()
        undo = lab.start("undo")
        took = until_old_serves(lab, began)
        if undo.wait(timeout=LIMIT_S) not in (0, 4):
            with open(f"{lab.folder}/log") as log:
                raise OSError(f"undo ended with exit {undo.returncode}: {log.read()[-500:]}")
        return round(took, 1), round(time.monotonic() - began, 1)


def undo_demo(root, build):
    result = {"undo_demo_s": 0, "undo_demo": {}}
    for stage, prefix in STAGES:
        took, whole = one(root, build, prefix)
        print(f"  back from {stage}: {took} s, all undone after {whole} s", flush=True)
        result["undo_demo"][stage] = {"old_serves_s": took, "undone_s": whole}
        result["undo_demo_s"] = max(result["undo_demo_s"], took)
    return result
