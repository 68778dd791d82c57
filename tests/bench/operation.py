"""The figures of the section "operation": what the operator's levers cost.  As those of figures.py.
"""
import contextlib
import ipaddress
import json
import random
import socket
import statistics
import subprocess
import threading
import time

import figures
import flows
import replay
import wire
import world

RANGES = 100_000
RULES = 10_000
LOGINS_PER_S = 200
CLIENTS = 20  # that log in
ESTABLISHED_PER_S = 5000  # packets of flows that live
ALL_IT_CARRIES = 0  # SYNs a second, to spoof: as many as it can send
SECONDS = 10
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


def access_rules(count):
    """Rules as an operator has them: prefixes of clients of all lengths, a sixth of them IPv6, for all VIPs or one, all
    ports, one or a range; those near the frames' clients accept."""
    drawn = random.Random(2)
    rules, made = [], set()
    while len(rules) < count:
        kind = len(rules) % 6
        if kind == 5:
            client = ipaddress.ip_network((0x2001 << 112 | drawn.getrandbits(112), drawn.randrange(24, 65)),
                                          strict=False)
        else:
            high = 10 if kind < 2 else drawn.choice([5, 31, 46, 77, 91, 109, 185, 212])
            client = ipaddress.ip_network((high << 24 | drawn.getrandbits(24), drawn.randrange(16, 33)), strict=False)
        rule = {"action": "accept" if kind < 2 else "drop", "clients": [str(client)]}
        if kind != 5 and drawn.random() < 0.6:
            rule["vips"] = [drawn.choice(["203.0.113.0/24", f"203.0.113.{drawn.randrange(1, 255)}"])]
        if drawn.random() < 0.5:
            low = drawn.choice([443, 5000, drawn.randrange(1, 60000)])
            rule["ports"] = [str(low) if drawn.random() < 0.5 else f"{low}-{low + drawn.randrange(1000)}"]
            rule["protocol"] = drawn.choice(["tcp", "udp"])
        key = str(sorted(rule.items()))
        if key not in made:
            made.add(key)
            rules.append(rule)
    return {"schema": "rehome/vipd-access/1", "default": "accept", "rules": rules}


def passing(options, row, access, progress):
    """ns per packet of a row with the rules in force and without, in turns."""
    ports = row.ports()
    times = {"none": [], "rules": []}
    with contextlib.ExitStack() as running:
        vipds = {}
        for name in times:
            document = row.config(ports)
            document["memory"]["mib"] += 256  # of which a quarter is not packets'
            if name == "rules":
                document["access"] = access
            vipds[name] = running.enter_context(world.Vipd(options.programs, document, name=name))
            replay.warm_up(vipds[name], row.packets())
            vipds[name].pause()
        for number in range(options.rounds):
            progress(f"{row.name()}, round {number + 1} of {options.rounds}")
            for name in sorted(times, reverse=number % 2 == 1):
                times[name].append(replay.measure_vipd(vipds[name], options.seconds))
    return {name: {"best": round(min(of), 2), "median": round(statistics.median(of), 2)}
            for name, of in times.items()}


def slowdown(of, which="best"):
    return round(of["rules"][which] / of["none"][which] - 1, 3)


def access(options, frames, progress):
    """10,000 access rules: how long they take to build, and what packets pay."""
    rules = access_rules(RULES)
    with world.Vipd(options.programs, world.config(["null:"] * 3, packets=100_000)) as vipd:
        built = [vipd.ask(command="access-prepare", rules=rules, dry_run=True) for _ in range(options.rounds)]
    rows = {row.name(): passing(options, row, rules, progress) for row in
            (options.row(mode, 4, flows, order) for mode in ("nat", "map")
             for flows, order in ((1000, "sequential"), (1_000_000, "random")))}
    new = {"none": [], "rules": []}
    for number in range(options.rounds):
        for name in sorted(new, reverse=number % 2 == 1):
            made = flows.new_flows(options.programs, frames, "udp", 4, 1, progress,
                                   access=rules if name == "rules" else {})
            new[name].append(made["ns_per_flow"])
    rows["new"] = {name: {"best": min(of), "median": statistics.median(of)} for name, of in new.items()}
    worst = {kind: max(slowdown(of) for name, of in rows.items() if name.startswith(kind)) for kind in ("nat", "map", "new")}
    return {"acl_build_s": round(min(one["build_s"] for one in built), 3),
            "acl_mib": round(max(one["mib"] for one in built), 1),
            "acl_expanded": built[0]["expanded"],
            "acl_10000_slowdown": {"established": worst["nat"], "map": worst["map"], "new": worst["new"]},
            "acl_10000": rows}


class Flooded(wire.Path):
    """The way of wire.py through vipd, with a limit for each /16 of clients and logins from twenty addresses of one, which
    may begin more."""

    def __init__(self, tools, programs):
        super().__init__("vipd", tools, programs)

    def document(self):
        made = world.config(["af_xdp:red0", "af_xdp:srv0", "null:"], packets=16_384, hugepages=False,
                            served=world.services("nat", 4))
        made["access"] = {"schema": "rehome/vipd-access/1", "default": "accept",
                          "limits": {"clients": {"per_s": 1, "ipv4_length": 16, "except": [
                              {"clients": ["10.9.0.0/16"], "per_s": 2 * LOGINS_PER_S, "burst": 2 * LOGINS_PER_S}]}}}
        return made

    def build(self):
        super().build()
        self.ip(self.client, *(f"address add 10.9.1.{k}/32 dev lo" for k in range(1, CLIENTS + 1)))


LOGINS = """
import asyncio, json, sys, time
vip, rate, seconds, clients = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])
done = []
async def login(number):
    try:
        async with asyncio.timeout(5):
            reader, writer = await asyncio.open_connection(vip, 5000, local_addr=(f"10.9.1.{number % clients + 1}", 0))
            done.append(await reader.read(100) == b"welcome")
            writer.close()
    except (OSError, TimeoutError):
        done.append(False)
async def all_of_them():
    tasks, begun = [], time.monotonic()
    for number in range(int(rate * seconds)):
        await asyncio.sleep(max(0, begun + number / rate - time.monotonic()))
        tasks.append(asyncio.create_task(login(number)))
    await asyncio.gather(*tasks)
asyncio.run(all_of_them())
print(json.dumps({"tried": len(done), "done": sum(done)}))
"""
SERVER = """
import asyncio
async def welcome(reader, writer):
    writer.write(b"welcome")
    writer.close()
async def serve():
    await (await asyncio.start_server(welcome, "0.0.0.0", 6000, backlog=4096)).serve_forever()
asyncio.run(serve())
"""


def flood(options, frames, progress):
    """Logins and flows that live beside SYNs of random sources, as many as the veth pair carries."""
    shares, losses, offered = [], [], []
    for number in range(options.rounds):
        progress(f"flood, round {number + 1} of {options.rounds}")
        with Flooded(options.tools, options.programs) as path:
            server = world.start_on(path.server, "python3", "-c", SERVER)
            try:
                time.sleep(0.5)
                path.run(ESTABLISHED_PER_S, 1)  # the flows that live
                before = path.vipd.stats()
                logins = world.start_on(path.client, "python3", "-c", LOGINS, wire.VIP, str(LOGINS_PER_S),
                                        str(SECONDS - 2), str(CLIENTS), stdout=subprocess.PIPE, text=True)
                spoof = world.start_on(path.client, f"{options.tools}/spoof", "syn", wire.VIP, "5000", str(ALL_IT_CARRIES),
                                       str(SECONDS), stdout=subprocess.PIPE, text=True)
                lived = path.run(ESTABLISHED_PER_S, SECONDS - 1)
                sent = json.loads(spoof.communicate(timeout=60)[0])
                said = json.loads(logins.communicate(timeout=60)[0])
                stats = path.vipd.stats()
            finally:
                server.kill()
                server.wait()
        drops = {name: count - before["drops"][name] for name, count in stats["drops"].items()
                 if count != before["drops"][name]}
        port, was = stats["ports"][0], before["ports"][0]
        shares.append(said["done"] / said["tried"])
        losses.append(lived["lost"] / lived["sent"])
        offered.append({"syn_per_s": round(sent["sent"] / sent["seconds"]), "login_share": round(shares[-1], 4),
                        "established_loss": round(losses[-1], 4), "drops": drops,
                        "lost_in": port["lost_in"] - was["lost_in"], "received": port["received"] - was["received"]})
    return {"flood_new_login_share": round(statistics.median(shares), 4),
            "flood_established_loss": round(statistics.median(losses), 4),
            "flood_offered": offered}


LEVERS = 10_000  # services
OTHERS = 10      # other changes a second


class Teller:
    """Another one who gives orders, over a connection of its own."""

    def __init__(self, vipd):
        self.connection = socket.socket(socket.AF_UNIX)
        self.connection.settimeout(60)
        self.connection.connect(vipd.document["control"])
        self.stream = self.connection.makefile("rw")

    def ask(self, **request):
        self.stream.write(json.dumps(request) + "\n")
        self.stream.flush()
        answer = json.loads(self.stream.readline())
        if not answer["ok"] or answer["result"].get("late"):
            raise world.Failed(f"{request}: {answer}")
        return answer["result"]

    def place(self, **rules):
        digest = self.ask(command="placement-prepare", rules={"schema": "rehome/vipd-placement/1", **rules})["digest"]
        self.ask(command="placement-commit", digest=digest)


def levers(options, frames, progress):
    """ms from an order to its answer, which comes when the last worker acts on it, with a million established flows
    whose packets keep coming, 10,000 services more, and ten other changes a second."""
    number = 1_000_000
    both = frames("udp", 4, number, "random", 0, 0, 1, replies=True)
    served = world.services("nat", 4)
    first = served[0]
    more = [dict(first, name=f"more{i}", port=20_000 + i) for i in range(LEVERS)]
    document = world.config([f"replay:{both[0]}", f"replay:{both[1]}", "null:"], packets=2 * number,
                            served=served + more, flows={"capacity": 2 * number, "half_open": 2 * number})
    kinds = {}
    for level, name in (("server", "more1/" + first["servers"][0]["name"]), ("service", "more2"), ("line", "red"),
                        ("site", "old"), ("site", "new")):
        for mode in ("mask", "weak", "strong", "enable"):
            about = {"level": level, "name": name}
            how = {} if mode == "enable" else {"anyway": True, **({"rate": 0.001} if mode == "weak" else {})}
            kinds[f"{mode} {level} {name}"] = lambda t, m=mode, a=about, h=how: t.ask(command=m, **a, **h)
    kinds["share"] = lambda t: t.ask(command="share", percent=0, by="address-port")
    kinds["weights"] = lambda t: t.place(weights=[{"sites": {"old": 100}}])
    kinds["set"] = lambda t: t.place(sets=[{"ranges": ["192.0.2.0/24 old"]}])
    kinds["no placement"] = lambda t: t.place()
    took = {kind: [] for kind in kinds}
    with world.Vipd(options.programs, document) as vipd:
        replay.warm_up(vipd, 2 * number)
        over, made, wrong = threading.Event(), [0], []

        def change():
            try:
                teller, start = Teller(vipd), time.monotonic()
                while not over.is_set():
                    made[0] += 1
                    about = {"level": "server", "name": f"more{made[0] // 2 % 100 + 10}/{first['servers'][0]['name']}"}
                    teller.ask(command="mask", anyway=True, **about) if made[0] % 2 else \
                        teller.ask(command="enable", **about)
                    time.sleep(max(0.0, start + made[0] / OTHERS - time.monotonic()))
            except BaseException as error:
                wrong.append(error)
        other = threading.Thread(target=change)
        began = time.monotonic()
        other.start()
        try:
            teller = Teller(vipd)
            for turn in range(options.rounds):
                progress(f"levers, round {turn + 1} of {options.rounds}")
                for kind, pull in kinds.items():
                    start = time.monotonic()
                    pull(teller)
                    took[kind].append(1000 * (time.monotonic() - start))
                    time.sleep(0.25)
        finally:
            over.set()
            other.join()
        if wrong:
            raise wrong[0]
        changes = made[0] / (time.monotonic() - began)
        held = vipd.stats()["flow_table"]["established"]
    every = [ms for times in took.values() for ms in times]
    slowest = max(took, key=lambda kind: max(took[kind]))
    return {"lever_ms": round(max(every), 1), "lever_ms_median": round(statistics.median(every), 1),
            "lever_slowest": slowest, "lever_orders": len(every), "lever_other_changes_per_s": round(changes, 1),
            "lever_flows": held, "levers": {kind: round(max(times), 1) for kind, times in took.items()}}


FIGURES = {
    "levers": (levers, "a lever of {lever_orders}, with {lever_flows:,} flows and {lever_other_changes_per_s} other "
               "changes a second: {lever_ms} ms at most ({lever_slowest}), median {lever_ms_median}"),
    "reset_rate": (figures.script("reset_rate"), "sessions end {reset_rate_error:.1%} off the pace of 10,000 a second: "
                   "{reset_rate[reset]} of {reset_rate[of]} were reset"),
    "access": (access, "10,000 access rules: built in {acl_build_s} s, {acl_mib} MiB; slower by "
               "{acl_10000_slowdown[established]:+} (established), {acl_10000_slowdown[map]:+} (map), "
               "{acl_10000_slowdown[new]:+} (new flows)"),
    "flood": (flood, "SYNs of random sources at all that the veth pair carries, 200 logins a second beside: "
              "{flood_new_login_share} of them get in, of flows that live {flood_established_loss} of the packets are lost"),
    "health": (figures.script("health"), "1,000 health checks a second: {health_1000_core_share:.1%} of a core "
               "(median {health_1000_core_share_median:.1%}), {health_checks_per_s} a second ran"),
    "sets": (sets, "new flows with 100,000 client ranges: {sets_100000_ns_per_flow} ns, with none "
             "{sets_none_ns_per_flow} ns: {sets_100000_slowdown:+} (median {sets_100000_slowdown_median:+})"),
}
