"""New flows, floods, and the memory of flows."""
import os
import statistics
import time

import replay
import world

FLOOD_PACKETS = 1_000_000
FLOOD_HALF_OPEN = 1 << 18  # fewer than are in the file: each is new again in the next pass
HELD = 10_000_000


def flood_config(client, family):
    return world.config([f"replay:{client}", "null:", "null:"], packets=FLOOD_PACKETS,
                        served=world.services("nat", family),
                        flows={"capacity": 1 << 21, "half_open": FLOOD_HALF_OPEN})


def flood(programs, frames, kind, rounds, seconds, progress):
    """ns per packet where every packet is of a flow that is not known: syn, ack or udp."""
    client = frames(kind, 4, FLOOD_PACKETS, "random", 0, 0, 1, replies=False)[0]
    with world.Vipd(programs, flood_config(client, 4)) as vipd:
        replay.warm_up(vipd, FLOOD_PACKETS)
        vipd.pause()
        turns, swaps = [], []
        with replay.Testpmd([[client]], FLOOD_PACKETS) as testpmd:
            for number in range(rounds):
                progress(f"flood of {kind}, round {number + 1} of {rounds}")
                swaps.append(testpmd.measure("5tswap", seconds))
                turns.append(replay.measure_vipd(vipd, seconds))
    return {"kind": kind, "family": 4, "ns": round(min(turns), 1),
            "ns_median": round(statistics.median(turns), 1), "swap_ns": round(min(swaps), 1)}


def place(vipd, rules):
    """Puts the rules in force."""
    digest = vipd.ask(command="placement-prepare", rules=rules)["digest"]
    if vipd.ask(command="placement-commit", digest=digest)["late"]:
        raise world.Failed("a worker does not act on the rules")


def new_flows(programs, frames, kind, family, rounds, progress, flows=1_000_000, rules=None,
              access=None):
    """How many flows a second become established: a client's packet and its server's answer.

    The files run while no service is configured; a reload brings the services, and from then on the
    first pass makes a flow of every packet.  rules: of placement, access: of that document (or {}); in
    force from the beginning."""
    both = frames(kind, family, flows, "sequential", 0, 0, 1, replies=True)
    ns = []
    for number in range(rounds):
        progress(f"new flows ({kind}), round {number + 1} of {rounds}")
        empty = world.config([f"replay:{both[0]}", f"replay:{both[1]}", "null:"], packets=2 * flows,
                             flows={"capacity": 2 * flows, "half_open": 2 * flows})
        if access is not None:
            empty.update({"access": access} if access else {})
            empty["memory"]["mib"] += 256  # of which a quarter is not packets'
        with world.Vipd(programs, empty) as vipd:
            vipd.configure(dict(empty, services=world.services("nat", family)))
            if rules:
                place(vipd, rules)
            if rules or access is not None:
                # Of packets of no service, so that nothing is met for the first time below.  Within the first
                # pass over the files a flow takes 190 to 600 ns, by when in it the services come.
                time.sleep(1)
            start = replay.Meter(vipd)
            vipd.ask(command="reload")
            meter = replay.Meter(vipd)
            seen = meter.difference()
            # Both ports count, half of what is received are clients' packets.
            while True:
                now = meter.difference()
                if start.difference()["received"] / 2 > 0.9 * flows:
                    break
                seen = now
                time.sleep(0.002)
            if seen["received"] < flows / 5:
                raise world.Failed("the first pass was over before it could be measured")
            # The first packets to a next hop may wait for it in vain: their flows are made all the same.
            if seen["drops"].pop("no_neighbour", 0) > seen["received"] / 1000:
                raise world.Failed("the next hops were not there")
            replay.check_lossless(seen)
            ns.append(seen["cpu_ns"] / (seen["received"] / 2))
            replay.warm_up(vipd, 2 * flows)
    return {"kind": kind, "family": family, "ns_per_flow": round(min(ns), 1),
            "ns_per_flow_median": round(statistics.median(ns), 1),
            "flows_per_s": round(1e9 / min(ns))}


def with_guest(served, k):
    """The services, of which the UDP one of number k has a masked server more, at its server's address:
    when that one goes, what was decided about every flow of the address is due again."""
    made = [dict(service, servers=list(service["servers"])) for service in served]
    service = made[k]
    service["servers"].append(dict(service["servers"][0], name="guest", port=world.SERVER_PORT + 1,
                                   masked=True))
    return made


def changes(programs, frames, rounds, seconds, progress, flows=1_000_000, per_second=10):
    """ns per packet of established flows while nothing changes, and while so many changes a second
    reach the tables, each of which concerns the flows of one server in 64."""
    both = frames("udp", 4, flows, "random", 0, 0, 1, replies=True)
    served = world.services("nat", 4)
    document = world.config([f"replay:{both[0]}", f"replay:{both[1]}", "null:"], packets=2 * flows,
                            served=served, flows={"capacity": 2 * flows, "half_open": 2 * flows})
    calm, busy, applied, again = [], [], 0, 0
    with world.Vipd(programs, document) as vipd:
        replay.warm_up(vipd, 2 * flows)

        def due():
            return vipd.stats()["flow_table"]["decided_again"]

        def turn(change):
            meter = replay.Meter(vipd)
            start, made = time.monotonic(), 0
            while time.monotonic() < start + seconds:
                if change:
                    vipd.configure(dict(vipd.document, services=with_guest(served, (applied + made) % 64)))
                    vipd.ask(command="reload")
                    made += 1
                time.sleep(max(0.0, start + (made if change else per_second * seconds) / per_second
                               - time.monotonic()))
            seen = meter.difference()
            replay.check_lossless(seen)
            return seen["cpu_ns"] / seen["received"], made

        for number in range(rounds):
            progress(f"changes, round {number + 1} of {rounds}")
            calm.append(turn(False)[0])
            before = due()
            ns, made = turn(True)
            busy.append(ns)
            replay.warm_up(vipd, 2 * flows)  # what became due comes by
            applied, again = applied + made, again + due() - before
    return {"flows": flows, "ns": round(min(busy), 1), "ns_median": round(statistics.median(busy), 1),
            "calm_ns": round(min(calm), 1), "calm_ns_median": round(statistics.median(calm), 1),
            "ratio": round(min(busy) / min(calm), 3),
            "ratio_median": round(statistics.median(b / c for b, c in zip(busy, calm)), 3),
            "changes_per_s": round(applied / rounds / seconds, 1), "decided_again_per_change":
            round(again / applied)}


def memory_bytes(pid):
    """What the process holds, huge pages included."""
    fields = {}
    for line in open(f"/proc/{pid}/status"):
        name, _, value = line.partition(":")
        if name in ("VmRSS", "HugetlbPages"):
            fields[name] = int(value.split()[0]) * 1024
    return sum(fields.values())


def held_flows(programs, frames, family, progress, flows=HELD):
    """Fills the table with that many established flows, streamed from files, and weighs the process
    against one whose table is small."""
    progress(f"{flows} flows held, IPv{family}: writing the files")
    both = frames("udp", family, flows, "sequential", 0, 0, 1, replies=True)

    def document(devices, capacity, half_open):
        return world.config(devices, packets=10_000, served=world.services("nat", family),
                            flows={"capacity": capacity, "half_open": half_open,
                                   "lifetimes_s": {"udp": 3600}})
    with world.Vipd(programs, document(["null:"] * 3, 1024, 1024)) as vipd:
        empty = memory_bytes(vipd.process.pid)
    with world.Vipd(programs, document([f"pcap:{both[0]}", f"pcap:{both[1]}", "null:"], flows,
                                       1 << 16)) as vipd:
        progress(f"{flows} flows held, IPv{family}: filling")

        def done():
            return sum(port["received"] for port in vipd.stats()["ports"]) >= 2 * flows
        try:
            world.wait_until(120, "all packets are read", done)
        finally:
            for file in both:  # a gigabyte that nothing else uses
                os.remove(file)
        stats = vipd.stats()
        held = vipd.ask(command="status")["flows"]["here"]
        total = memory_bytes(vipd.process.pid) - empty
    measured = {"family": family, "wanted": flows, "held": held,
                "bytes_per_flow": round(total / held, 1) if held else None,
                "drops": {name: count for name, count in stats["drops"].items() if count}}
    if "flow_bytes" in stats:
        measured["flow_bytes"] = stats["flow_bytes"]
    return measured
