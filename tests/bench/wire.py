"""Between real interfaces: kernel NAT and vipd on the same veth pairs, with numbered packets.

    client 10.9.0.2 -- line -- gateway -- servers 10.1.0.1 -- server 10.1.0.2:6000
                               VIP 203.0.113.2:5000

A pcap port cannot lose; here loss is counted.  CPU is that of the processes (sender, sink, vipd),
the kernel's work in their name included: what the path without a gateway takes is subtracted.
"""
import json
import os
import signal
import statistics
import subprocess
import time

import world

VIP, SERVER = world.VIP[4].format(2), world.SERVER[4].format(2)
RULES = {
    "nft-dnat": f"""table ip bench {{
        chain pre {{
            type nat hook prerouting priority dstnat
            ip daddr {VIP} udp dport 5000 dnat to {SERVER}:6000
        }}
    }}""",
    # The raw priority, before connection tracking, which is told to leave these packets alone.
    "nft-stateless": f"""table ip bench {{
        chain pre {{
            type filter hook prerouting priority raw
            ip daddr {VIP} udp dport 5000 notrack ip daddr set {SERVER} udp dport set 6000
            ip saddr {SERVER} udp sport 6000 notrack ip saddr set {VIP} udp sport set 5000
        }}
    }}""",
}


class Path:
    """One of direct, nft-dnat, nft-stateless, vipd; the namespaces go with it."""

    def __init__(self, what, tools, programs):
        self.what, self.tools, self.programs = what, tools, programs
        self.vipd = None
        tag = what[-4:]
        self.client, self.gateway, self.server = f"c-{tag}", f"g-{tag}", f"s-{tag}"
        self.target = (SERVER, "6000") if what == "direct" else (VIP, "5000")

    def build(self):
        what = self.what
        for ns in (self.client, self.server):
            world.namespace(ns)
        if what == "direct":
            world.veth(self.client, "eth0", self.server, "eth0")
            self.ip(self.client, "address add 10.1.0.3/24 dev eth0")
            self.ip(self.server, f"address add {SERVER}/24 dev eth0")
            return
        world.namespace(self.gateway)
        red, servers = ("red0", "srv0") if what == "vipd" else ("red", "servers")
        world.veth(self.client, "eth0", self.gateway, red)
        world.veth(self.gateway, servers, self.server, "eth0")
        self.ip(self.client, "address add 100.64.1.1/30 dev eth0", "address add 10.9.0.2/32 dev lo",
                "route add default via 100.64.1.2 src 10.9.0.2")
        self.ip(self.server, f"address add {SERVER}/24 dev eth0", "route add default via 10.1.0.1")
        addresses = ("address add 100.64.1.2/30 dev red", "address add 10.1.0.1/24 dev servers",
                     "route add default via 100.64.1.1")
        if what == "vipd":
            self.vipd = world.Vipd(self.programs, self.document(), ns=self.gateway, neighbours=False, busy=False)
        else:
            world.on(self.gateway, "sysctl", "-qw", "net.ipv4.ip_forward=1")
            world.sh("ip", "netns", "exec", self.gateway, "nft", "-f", "-", input=RULES[what])
        self.ip(self.gateway, *addresses)

    def document(self):
        return world.config(["af_xdp:red0", "af_xdp:srv0", "null:"], packets=16_384, hugepages=False,
                            served=world.services("nat", 4, ["udp"]))

    def ip(self, ns, *lines):
        world.sh("ip", "-n", ns, "-batch", "-", input="\n".join(lines) + "\n")

    def stream(self, ns, *words):
        return subprocess.Popen(["ip", "netns", "exec", ns, self.tools + "/stream", *words],
                                stdout=subprocess.PIPE, text=True)

    def finish(self, process):
        process.send_signal(signal.SIGTERM)
        return json.loads(process.communicate(timeout=30)[0])

    def vipd_cpu(self):
        return sum(self.vipd.cpu.threads().values()) if self.vipd else 0

    def open_up(self):
        """Neighbours and flows are there once an echo comes back."""
        echo = self.stream(self.server, "echo", "6000")
        try:
            for _ in range(20):
                ping = self.stream(self.client, "ping", *self.target, "50", "0.2")
                if json.loads(ping.communicate(timeout=30)[0])["answered"] > 0:
                    return
            raise world.Failed(f"{self.what}: no packet comes through")
        finally:
            self.finish(echo)

    def run(self, rate, seconds, during=None):
        """Numbered packets; during is called meanwhile.  Counts and CPU of all processes."""
        sink = self.stream(self.server, "sink", "6000")
        time.sleep(0.1)
        before = self.vipd_cpu()
        sender = self.stream(self.client, "send", *self.target, str(rate), str(seconds), "16")
        if during:
            time.sleep(0.3)
            during()
        sent = json.loads(sender.communicate(timeout=seconds + 60)[0])
        time.sleep(0.2)
        used = self.vipd_cpu() - before
        got = self.finish(sink)
        new = got["received"] - got["duplicates"]
        return {"sent": sent["sent"], "lost": sent["sent"] - new, "seconds": sent["seconds"],
                "duplicates": got["duplicates"], "reordered": got["reordered"],
                "cpu_ns": sent["cpu_ns"] + got["cpu_ns"] + used}

    def delay(self, rate, seconds):
        echo = self.stream(self.server, "echo", "6000")
        time.sleep(0.1)
        ping = self.stream(self.client, "ping", *self.target, str(rate), str(seconds))
        try:
            return json.loads(ping.communicate(timeout=seconds + 60)[0])
        finally:
            self.finish(echo)

    def __enter__(self):
        try:
            self.build()
            self.open_up()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.vipd:
            self.vipd.close()
        for ns in (self.client, self.server, self.gateway):
            if os.path.exists(f"/run/netns/{ns}"):
                world.sh("ip", "netns", "delete", ns)


WAYS = ("direct", *RULES, "vipd")


def veth(tools, programs, rounds, seconds, progress):
    """Per path: CPU per packet beyond the direct path's, and the rate up to which nothing is lost."""
    cost, rate = {}, {}
    for way in WAYS:
        with_path = []
        for number in range(rounds):
            progress(f"{way}, round {number + 1} of {rounds}")
            with Path(way, tools, programs) as path:
                seen = path.run(50_000, seconds * 2)
                with_path.append((seen["cpu_ns"] / seen["sent"], seen["lost"]))
                if number == 0:
                    rate[way] = lossless_rate(path, seconds, progress)
        cost[way] = with_path
    base = min(ns for ns, _ in cost["direct"])
    return [{"way": way, "cpu_ns": round(min(ns for ns, _ in cost[way]), 1),
             "cpu_ns_above_direct": round(min(ns for ns, _ in cost[way]) - base, 1),
             "cpu_ns_median": round(statistics.median(ns for ns, _ in cost[way]), 1),
             "lost_at_50000_pps": [lost for _, lost in cost[way]],
             "lossless_pps": rate[way]} for way in WAYS]


def lossless_rate(path, seconds, progress):
    """Rises by a fifth until packets are lost twice in a row; what was really sent counts."""
    best, rate = 0, 50_000
    while True:
        progress(f"{path.what}: {rate:.0f} packets/s")
        seen = path.run(rate, seconds)
        if seen["lost"] > 0:
            seen = path.run(rate, seconds)
        sent = seen["sent"] / seen["seconds"]
        if seen["lost"] > 0:
            return round(best)
        best = max(best, sent)
        if sent < 0.9 * rate:  # the sender cannot do more
            return round(best)
        rate *= 1.2


def delays(tools, programs, progress, rate=1000, seconds=5):
    made = []
    for way in WAYS:
        progress(f"delay: {way}")
        with Path(way, tools, programs) as path:
            made.append({"way": way, **path.delay(rate, seconds)})
    return made


def many_services(count, servers_each):
    """That many services with servers of their own; the first one is the one that the stream uses."""
    made = world.services("nat", 4, ["udp"])[:1]
    for i in range(1, count):
        servers = [{"name": f"s{n}", "port": world.SERVER_PORT,
                    "address": f"10.{2 + (n >> 16)}.{n >> 8 & 255}.{n & 255}"}
                   for n in range(i * servers_each, (i + 1) * servers_each)]
        made.append({"name": f"n{i}", "vip": world.VIP[4].format(2 + i % 200), "protocol": "tcp",
                     "port": 1000 + i // 200, "forward": "nat", "servers": servers})
    return made


def reload(tools, programs, rate, progress, services=10_000, servers=100_000):
    """A reload under numbered traffic: from few services to many, and from many to as many others."""
    progress(f"reload of {services} services with {servers} servers")
    many = many_services(services, servers // services)
    made = []
    with Path("vipd", tools, programs) as path:
        document = path.vipd.document
        for what, served in (("few to many", many),
                             ("many to many", many[:1] + [dict(s, port=s["port"] + 1000)
                                                          for s in many[1:]])):
            path.vipd.configure(dict(document, services=served))
            took = []

            def swap():
                start = time.monotonic()
                path.vipd.ask(command="reload")
                took.append(time.monotonic() - start)
            seen = path.run(rate, 6, during=swap)
            made.append({"what": what, "services": services, "servers": servers,
                         "rate_pps": rate, "seconds": round(took[0], 3), "sent": seen["sent"],
                         "lost": seen["lost"]})
    return made
