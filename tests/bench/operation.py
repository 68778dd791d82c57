"""The figures of the section "operation": what the operator's levers cost.  As those of figures.py.
"""
import ipaddress
import random
import statistics

import flows

RANGES = 100_000
SITE = "old"  # the gateway's own: what is placed there is served here


def ranges():
    """Client prefixes of both families and of all lengths, in each other too; a third of them is near the clients of
    the frames, whose addresses begin alike."""
    drawn = random.Random(1)
    made = set()
    while len(made) < RANGES:
        kind = len(made) % 3
        if kind == 2:
            made.add(ipaddress.ip_network((drawn.getrandbits(128), drawn.randrange(16, 65)), strict=False))
        else:
            high = drawn.getrandbits(8) if kind == 0 else 10
            address = high << 24 | drawn.getrandbits(24)
            made.add(ipaddress.ip_network((address, drawn.randrange(12, 33)), strict=False))
    return [f"{network} {SITE}" for network in sorted(made, key=str)]


def sets(options, frames, progress):
    """New flows with 100,000 ranges in force against none, in turns."""
    none = {"schema": "rehome/vipd-placement/1"}
    rules = {"none": none, "sets": {**none, "sets": [{"ranges": ranges()}]}}
    times = {name: [] for name in rules}
    for number in range(options.rounds):
        for name in sorted(times, reverse=number % 2 == 1):
            made = flows.new_flows(options.programs, frames, "udp", 4, 1, progress, rules=rules[name])
            times[name].append(made["ns_per_flow"])
    return {"sets_100000_slowdown": round(min(times["sets"]) / min(times["none"]) - 1, 3),
            "sets_100000_slowdown_median":
                round(statistics.median(times["sets"]) / statistics.median(times["none"]) - 1, 3),
            "sets_100000_ns_per_flow": min(times["sets"]), "sets_none_ns_per_flow": min(times["none"])}


FIGURES = {
    "sets": (sets, "new flows with 100,000 client ranges: {sets_100000_ns_per_flow} ns, with none "
             "{sets_none_ns_per_flow} ns: {sets_100000_slowdown:+} (median {sets_100000_slowdown_median:+})"),
}
