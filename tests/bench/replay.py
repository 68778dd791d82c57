"""Nanoseconds per packet over replayed files: dpdk-testpmd and vipd, on the same CPU in turns.

Both are measured by the CPU time of the threads that poll, so that what else runs on the machine
does not count as work (it still takes caches away: hence the turns, best and median).  Every packet
that a port hands out counts once.
"""
import os
import pty
import re
import select
import signal
import subprocess
import time

from world import SPARE_PACKETS, Cpu, Failed, need_huge_pages

MBUF_BYTES = 2496  # with header and padding
MODES = ("io", "5tswap", "csum")


class Testpmd:
    """An interactive dpdk-testpmd whose ports replay files, stopped but for the while of a measure.

    files: one list of files a port, one file a queue.  cpus: one a forwarding core."""

    def __init__(self, files, packets, cpus=(1,)):
        lcores = ",".join(["0@0"] + [f"{i + 1}@{cpu}" for i, cpu in enumerate(cpus)])
        queues = str(len(files[0]))
        words = ["dpdk-testpmd", "--no-pci", "--in-memory", "--no-telemetry", "--iova-mode=va",
                 "--log-level=error", "--lcores", lcores]
        for i, queue_files in enumerate(files):
            replayed = ",".join(f"rx_pcap={file}" for file in queue_files)
            words += ["--vdev", f"net_pcap{i},{replayed},infinite_rx=1"]
        words += ["--", "-i", f"--nb-cores={len(cpus)}", f"--total-num-mbufs={packets + SPARE_PACKETS}",
                  "--mbcache=256", "--burst=32", "--rxd=2048", "--txd=2048", "--no-flush-rx",
                  f"--rxq={queues}", f"--txq={queues}"]
        need_huge_pages((packets + SPARE_PACKETS) * MBUF_BYTES // (1 << 20) + 128)
        self.terminal, theirs = pty.openpty()
        self.process = subprocess.Popen(words, stdin=theirs, stdout=theirs, stderr=theirs,
                                        start_new_session=True)
        os.close(theirs)
        self.said = ""
        self.until("testpmd> ", 60)
        self.cpu = Cpu(self.process.pid)
        self.forwarders = None
        self.cores = len(cpus)

    def until(self, text, seconds):
        """What it says up to that text."""
        end = time.monotonic() + seconds
        while text not in self.said:
            ready, _, _ = select.select([self.terminal], [], [], max(0, end - time.monotonic()))
            try:
                more = os.read(self.terminal, 65536).decode(errors="replace") if ready else ""
            except OSError:
                more = ""
            if not more:
                raise Failed("testpmd: " + self.said.strip()[-600:])
            self.said += more
        before, self.said = self.said.split(text, 1)
        return before

    def tell(self, command):
        os.write(self.terminal, (command + "\n").encode())

    def measure(self, mode, seconds):
        self.tell(f"set fwd {mode}")
        self.until("testpmd> ", 10)
        before = self.cpu.threads()
        self.tell("start")
        self.until("testpmd> ", 10)
        time.sleep(seconds)
        self.tell("stop")
        self.until("Accumulated forward statistics", 20)
        said = self.until("testpmd> ", 10)
        now = self.cpu.threads()
        counts = {name: int(count) for name, count in
                  re.findall(r"([RT]X-(?:packets|dropped)): *(\d+)", said)}
        if counts["TX-packets"] != counts["RX-packets"] or counts["RX-packets"] == 0:
            raise Failed(f"testpmd {mode} lost packets: {counts}")
        # The forwarding threads, but not the one that reads commands.
        spent = sorted((now[tid] - before.get(tid, 0) for tid in now if tid != self.process.pid),
                       reverse=True)[:self.cores]
        return sum(spent) / counts["RX-packets"]

    def close(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)  # nothing of it is left behind: in memory
            self.process.wait()
        os.close(self.terminal)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Meter:
    """Two readings of a vipd's counters and of its workers' CPU time, and what lies between."""

    def __init__(self, vipd):
        self.vipd = vipd
        self.before = self.read()

    def read(self):
        cpu_before = self.vipd.cpu.spent(self.vipd.workers)
        at = time.monotonic()
        stats = self.vipd.stats()
        return {"cpu": (cpu_before + self.vipd.cpu.spent(self.vipd.workers)) / 2, "at": at,
                "received": sum(port["received"] for port in stats["ports"]),
                "sent": sum(port["sent"] for port in stats["ports"]),
                "punted": stats["punted"], "drops": stats["drops"]}

    def difference(self):
        now, before = self.read(), self.before
        drops = {name: count - before["drops"].get(name, 0) for name, count in now["drops"].items()
                 if count != before["drops"].get(name, 0)}
        return {"received": now["received"] - before["received"],
                "sent": now["sent"] - before["sent"], "punted": now["punted"] - before["punted"],
                "drops": drops, "cpu_ns": now["cpu"] - before["cpu"],
                "seconds": now["at"] - before["at"]}


def check_lossless(seen):
    """All that came in went out, but for what was on its way while the counters were read."""
    if seen["drops"] or seen["punted"] or seen["received"] == 0 or \
            abs(seen["received"] - seen["sent"]) > 4096:
        raise Failed("vipd did not forward all: {received} received, {sent} sent, {punted} punted, "
                     "drops {drops}".format(**seen))


def warm_up(vipd, packets, seconds=60):
    """Until every packet of the files has been through, and nothing is punted or dropped any more."""
    start = time.monotonic()
    first = Meter(vipd)
    while first.difference()["received"] < packets * 1.2 + 1000:
        if time.monotonic() - start > seconds:
            raise Failed(f"vipd did not get through {packets} packets in {seconds} s")
        time.sleep(0.05)
    while True:
        meter = Meter(vipd)
        time.sleep(0.2)
        seen = meter.difference()
        if not seen["drops"] and not seen["punted"]:
            return
        if time.monotonic() - start > seconds:
            check_lossless(seen)


def measure_vipd(vipd, seconds):
    """One turn of a vipd that is paused before and after."""
    vipd.resume()
    try:
        time.sleep(0.1)
        meter = Meter(vipd)
        time.sleep(seconds)
        seen = meter.difference()
    finally:
        vipd.pause()
    check_lossless(seen)
    return seen["cpu_ns"] / seen["received"]


def count_instructions(vipd, seconds):
    """Instructions in user space per packet, counted by perf(1); None where it cannot count."""
    tids = ",".join(str(tid) for tid in vipd.workers)
    vipd.resume()
    try:
        meter = Meter(vipd)
        done = subprocess.run(["perf", "stat", "-x", ",", "-e", "instructions:u", "-t", tids, "--",
                               "sleep", str(seconds)], capture_output=True, text=True, check=False)
        seen = meter.difference()
    except FileNotFoundError:
        return None
    finally:
        vipd.pause()
    counted = re.search(r"^(\d+),[^,]*,instructions", done.stderr, re.M)
    # What was received and what perf counted begin and end some milliseconds apart.
    return round(int(counted.group(1)) / seen["received"], 1) if counted else None


def settle(vipd, packets, seconds=60):
    """Until each packet of the files has been through some times."""
    start = time.monotonic()
    first = Meter(vipd)
    while first.difference()["received"] < packets * 10 + 1000:
        if time.monotonic() - start > seconds:
            raise Failed(f"vipd did not get through {packets} packets in {seconds} s")
        time.sleep(0.05)


def measure_passing(vipd, seconds):
    """One turn of workers that pass packets to each other.  A file is faster than any worker, so that
    rings run full: what counts is what went out, and no other drop may be."""
    meter = Meter(vipd)
    time.sleep(seconds)
    seen = meter.difference()
    full = seen["drops"].pop("ring_full", 0)
    if seen["drops"] or seen["punted"] or seen["sent"] == 0:
        raise Failed("vipd did not forward all: drops {drops}, {punted} punted".format(**seen))
    return {"ns": round(seen["cpu_ns"] / seen["sent"], 2), "pps": round(seen["sent"] / seen["seconds"]),
            "ring_full_percent": round(100 * full / seen["received"], 1)}
