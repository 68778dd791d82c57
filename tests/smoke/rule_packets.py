#!/usr/bin/env python3
"""Packets through pairs of rule sets, in two kernels' namespaces, and what `lbsync verify` says of the pair.

  rule_packets.py SEED SECONDS

The network is lbsync_packets_test.sh's: on each side a host "from", a gateway "gw" and a host "to" behind it.  Of a
pair that is proven equal the same packets meet the same on both sides; of one that differs each example that can be
sent meets on each side what verify says of it: it arrives, translated as told, is dropped, or is rejected in that way.
First a table of pairs, each with the answer that is expected, and with rule sets exchanged behind verify's back: the
same comparison has to find that.  Then random ones until the time is over.

Exit 0: all held; 1: a packet met something else.
"""
import ctypes
import dataclasses
import json
import os
import random
import re
import socket
import struct
import subprocess
import sys
import time

SIDES = ("a", "b")
LIBC = ctypes.CDLL(None, use_errno=True)
PROTOCOLS = {"icmp": 1, "tcp": 6, "udp": 17}
REJECTS = {"icmp port-unreachable": (3, 3), "icmp admin-prohibited": (3, 13), "icmp host-prohibited": (3, 10),
           "icmp net-unreachable": (3, 0), "icmp host-unreachable": (3, 1), "icmpx admin-prohibited": (3, 13),
           "icmpx port-unreachable": (3, 3), "icmpx host-unreachable": (3, 1), "icmpx no-route": (3, 0),
           "tcp reset": "rst"}


class Wrong(Exception):
    pass


class Refused(Exception):
    """nft does not take the rules: most often a test that contradicts another one."""


@dataclasses.dataclass(frozen=True)
class Packet:
    protocol: str
    source: str
    target: str
    port: int = 0  # of the target; an ICMP type


# --- the wire -------------------------------------------------------------------------------------

def enter(namespace):
    with open(namespace, "rb") as file:
        if LIBC.setns(file.fileno(), 0x40000000) != 0:
            raise OSError(ctypes.get_errno(), f"setns {namespace}")


def raw_socket(namespace, device):
    enter(f"/run/netns/{namespace}")
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    wire.bind((device, 0))
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
    wire.settimeout(5)
    enter("/proc/1/ns/net")
    return wire


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def frame(packet, number):
    """number: the IPv4 identification, the source port, and part of the sequence number."""
    source, target = socket.inet_aton(packet.source), socket.inet_aton(packet.target)
    protocol = PROTOCOLS[packet.protocol]
    if packet.protocol == "tcp":
        body = struct.pack("!HHIIBBHHH", number, packet.port, number << 8, 0, 5 << 4, 2, 1024, 0, 0)
        place = 16
    elif packet.protocol == "udp":
        body = struct.pack("!HHHH", number, packet.port, 16, 0) + b"payload!"
        place = 6
    else:
        body = struct.pack("!BBHHH", packet.port, 0, 0, number, 1)
        place = 2
    pseudo = b"" if packet.protocol == "icmp" else source + target + struct.pack("!BBH", 0, protocol, len(body))
    body = body[:place] + struct.pack("!H", checksum(pseudo + body)) + body[place + 2:]
    header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), number, 0, 64, protocol, 0) + source + target
    return header[:10] + struct.pack("!H", checksum(header)) + header[12:] + body


def sentinel(number):
    """A packet of IPv6, which no rule looks at: what was sent before it has been there before it."""
    ports = struct.pack("!HHHH", 9, 9, 12, 0) + struct.pack("!I", number)
    source, target = (socket.inet_pton(socket.AF_INET6, text) for text in ("fd00:1::2", "fd00:2::2"))
    body = ports[:6] + struct.pack("!H", checksum(source + target + struct.pack("!IHBB", 12, 0, 0, 17) + ports))
    return struct.pack("!IHBB", 6 << 28, 12, 17, 64) + source + target + body + ports[8:]


class Side:
    next_number = 2000

    def __init__(self, name):
        self.name = name
        self.near = raw_socket(f"{name}-from", "f0")
        self.far = raw_socket(f"{name}-to", "t0")
        gateway, source = (bytes.fromhex(text) for text in ("020000000001", "020000000002"))
        self.ethernet = {4: gateway + source + b"\x08\x00", 6: gateway + source + b"\x86\xdd"}

    def load(self, rules):
        done = subprocess.run(["ip", "netns", "exec", f"{self.name}-gw", "nft", "-f", "-"],
                              input="flush ruleset\n" + rules, capture_output=True, text=True, timeout=20)
        if done.returncode != 0:
            raise Refused(f"nft: {done.stderr}\n{rules}")

    def send(self, packets):
        """What each of them met."""
        numbers = {}
        for packet in packets:
            Side.next_number += 1
            numbers[Side.next_number] = packet
            self.near.send(self.ethernet[4] + frame(packet, Side.next_number))
        self.near.send(self.ethernet[6] + sentinel(Side.next_number))
        met = {packet: "drop" for packet in packets}
        while True:
            data, where = self.far.recvfrom(2048)
            if where[2] == socket.PACKET_OUTGOING:
                continue
            if data[12:14] == b"\x86\xdd" and data[62:66] == struct.pack("!I", Side.next_number):
                break
            self.arrived(data[14:], numbers, met)
        self.near.setblocking(False)
        try:
            while True:
                data, where = self.near.recvfrom(2048)
                if where[2] != socket.PACKET_OUTGOING:
                    self.rejected(data[14:], numbers, met)
        except BlockingIOError:
            self.near.settimeout(5)
        return met

    @staticmethod
    def arrived(data, numbers, met):
        packet = numbers.get(struct.unpack("!H", data[4:6])[0]) if data[:1] == b"\x45" else None
        if packet is not None:
            port = packet.port if packet.protocol == "icmp" else struct.unpack("!H", data[22:24])[0]
            met[packet] = ("accept", socket.inet_ntoa(data[12:16]), socket.inet_ntoa(data[16:20]), port)

    @staticmethod
    def rejected(data, numbers, met):
        if data[:1] != b"\x45":
            return
        if data[9] == 1:  # the packet stands in the error
            packet = numbers.get(struct.unpack("!H", data[32:34])[0])
            if packet is not None:
                met[packet] = ("reject", (data[20], data[21]))
        elif data[9] == 6 and data[33] & 4:
            packet = numbers.get(struct.unpack("!I", data[28:32])[0] - 1 >> 8)
            if packet is not None:
                met[packet] = ("reject", "rst")


# --- what verify says -----------------------------------------------------------------------------

def verify():
    done = subprocess.run(["lbsync", "verify", "netns:a-gw", "netns:b-gw", "--json"], capture_output=True, text=True,
                          timeout=50)
    if done.returncode not in (0, 1, 4):
        raise Wrong(f"verify: exit {done.returncode}: {done.stderr}")
    return json.loads(done.stdout)


EXAMPLE = re.compile(r"(tcp|udp|icmp) ([\d.]+)(?::\d+)? > ([\d.]+)(?::(\d+))?( syn| type (\d+) code 0)? \[(.*)\]")
NEAR = ("198.51.", "10.1.")  # whose routes lead back to "from"
SENDABLE = {"forwarded", "ct state new", 'in "l0"', 'out "r0"'}


def example_packet(words):
    """None: one that is not forwarded here, or cannot be sent (a mark that it comes with, a fragment)."""
    found = EXAMPLE.fullmatch(words)
    if found is None or not set(found[7].split(", ")) <= SENDABLE or "forwarded" not in found[7]:
        return None
    if found[1] == "icmp" and found[6] != "8":
        return None
    if not found[2].startswith(NEAR) or found[3].startswith(NEAR):
        return None
    return Packet(found[1], found[2], found[3], int(found[6] or found[4] or 0))


def predicted(packet, outcome):
    """What a packet meets of which verify says this."""
    *acts, end = outcome.split(", ")
    if end == "drop":
        return "drop"
    if end.startswith("reject with "):
        return ("reject", REJECTS[end[len("reject with "):]])
    source, target, port = packet.source, packet.target, packet.port
    for act in acts:
        found = re.fullmatch(r"(dnat|snat) to ([\d.]+)(?::(\d+))?", act)
        if found is None and not act.startswith("meta mark set"):
            raise Wrong(f"what is {act!r}?")
        if found is not None and found[1] == "snat":
            source = found[2]
        elif found is not None:
            target, port = found[2], int(found[3] or port)
    return ("accept", source, target, port)


# --- rule sets ------------------------------------------------------------------------------------

SOURCES = ["198.51.100.7", "198.51.100.130", "10.1.0.9", "10.1.0.77"]
TARGETS = ["203.0.113.5", "203.0.113.80", "192.0.2.9", "192.0.2.200"]
SOURCE_NETS = ["198.51.100.0/24", "198.51.100.0/25", "10.1.0.0/24", "10.1.0.9", "198.51.100.128-198.51.100.140"]
TARGET_NETS = ["203.0.113.0/24", "203.0.113.64/26", "192.0.2.0/24", "192.0.2.9", "192.0.2.128-192.0.2.255"]
PORTS = ["22", "53", "80", "8080", "20-60"]


@dataclasses.dataclass
class Match:
    field: str
    values: list
    negated: bool = False

    def text(self):
        values = self.values[0] if len(self.values) == 1 else "{ " + ", ".join(self.values) + " }"
        return f"{self.field} {'!= ' if self.negated else ''}{values}"


@dataclasses.dataclass
class Rule:
    matches: list
    end: str

    def text(self):
        return " ".join([match.text() for match in self.matches] + [self.end])


class RuleSet:
    """Rules of chains: "pre" and "post" translate, "marks" writes, "other" is jumped to."""
    HEADS = {"pre": "type nat hook prerouting priority -100;", "marks": "type filter hook prerouting priority -150;",
             "forwarded": "type filter hook forward priority 0;", "later": "type filter hook forward priority 10;",
             "post": "type nat hook postrouting priority 100;", "other": ""}

    def __init__(self, chains, policy):
        self.chains, self.policy = chains, policy

    def copy(self):
        return RuleSet({name: [Rule([Match(m.field, list(m.values), m.negated) for m in rule.matches], rule.end)
                               for rule in rules] for name, rules in self.chains.items()}, self.policy)

    def text(self):
        lines = ["table ip t {"]
        for name in ("other", "pre", "marks", "forwarded", "later", "post"):
            policy = f" policy {self.policy};" if name == "forwarded" else ""
            lines += [f"chain {name} {{", self.HEADS[name] + policy]
            lines += [rule.text() for rule in self.chains.get(name, [])] + ["}"]
        return "\n".join(lines + ["}", ""])


class Draw:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def some(self, values):
        return self.random.sample(values, self.random.choice([1, 1, 1, 2, 3]))

    def match(self):
        kind = self.random.randrange(7)
        negated = self.random.random() < .2
        if kind == 0:
            return Match("ip saddr", self.disjoint(SOURCE_NETS), negated)
        if kind == 1:
            return Match("ip daddr", self.disjoint(TARGET_NETS), negated)
        if kind in (2, 3):
            field = self.random.choice(["tcp dport", "udp dport", "th dport"])
            return Match(field, self.disjoint(PORTS), negated)
        if kind == 4:
            return Match("meta l4proto", self.some(["tcp", "udp", "icmp"]), negated)
        if kind == 5:
            return Match("meta mark", [str(self.random.randrange(1, 3))], negated)
        return Match(*self.random.choice([("iifname", ['"l0"']), ("icmp type", ["echo-request"]),
                                          ("ct state", ["new"]), ("oifname", ['"r0"'])]), negated)

    def disjoint(self, values):
        """nft refuses intervals of a set that overlap."""
        drawn = self.some(values)
        return drawn if len(drawn) == 1 or not any("/" in v or "-" in v for v in drawn) else drawn[:1]

    def matches(self):
        fields = {}
        for _ in range(self.random.choice([0, 1, 1, 2, 2, 3])):
            match = self.match()
            family = "port" if "port" in match.field or match.field in ("meta l4proto", "icmp type") else match.field
            fields.setdefault(family, match)
        return list(fields.values())

    def end(self, chain):
        reject = self.random.choice(["icmp port-unreachable", "icmp admin-prohibited", "icmpx host-unreachable"])
        ends = ["accept", "accept", "drop", f"reject with {reject}", "meta l4proto tcp reject with tcp reset",
                "tcp dport vmap { 22 : accept, 80 : drop }",
                "ip saddr vmap { 10.1.0.0/24 : return, 198.51.100.7 : drop }"]
        if chain == "forwarded":
            ends += ["jump other", "goto other", "meta mark set 2"]
        return self.random.choice(ends + ["return"])

    def rules(self, chain, count):
        return [Rule(self.matches(), self.end(chain)) for _ in range(count)]

    def translation(self, kind):
        address = "10.9.0." if kind == "dnat" else "198.51.100."
        rules = []
        for _ in range(self.random.randrange(3)):
            port = self.random.random() < .5
            matches = [match for match in self.matches() if match.field not in ("oifname", "tcp dport", "udp dport",
                                                                               "th dport", "meta l4proto", "icmp type")]
            protocol = Match("tcp dport", [self.random.choice(["80", "22"])])
            to = f"{kind} to {address}{self.random.randrange(200, 203)}"
            port = port and kind == "dnat"
            rules.append(Rule(matches + [protocol], to + (":8080" if port else "")))
        return rules

    def rule_set(self):
        forwarded = self.rules("forwarded", self.random.randrange(2, 6))
        marks = [Rule(self.matches(), f"meta mark set {self.random.randrange(1, 3)}")
                 for _ in range(self.random.randrange(2))]
        marks = [rule for rule in marks if not any(match.field == "oifname" for match in rule.matches)]
        return RuleSet({"pre": self.translation("dnat"), "marks": marks, "forwarded": forwarded,
                        "later": self.rules("later", self.random.randrange(2)), "post": self.translation("snat"),
                        "other": self.rules("other", self.random.randrange(1, 4))},
                       self.random.choice(["accept", "drop"]))

    def other_words(self, rule_set):
        """Often equal: sets split, rules said twice; and at times one rule moved, left out or changed."""
        result = rule_set.copy()
        for rules in result.chains.values():
            for at in reversed(range(len(rules))):
                rule = rules[at]
                wide = [m for m in rule.matches if len(m.values) > 1 and not m.negated]
                if wide and "set" not in rule.end:
                    copies = [Rule([Match(m.field, [v] if m is wide[0] else list(m.values), m.negated)
                                    for m in rule.matches], rule.end) for v in wide[0].values]
                    rules[at:at + 1] = copies
                elif self.random.random() < .2 and "set" not in rule.end:
                    rules.insert(at, Rule(list(rule.matches), rule.end))
        rules = result.chains[self.random.choice(["forwarded", "forwarded", "other", "pre"])]
        change = self.random.randrange(5)
        if change == 0 and len(rules) > 1:
            rules.append(rules.pop(self.random.randrange(len(rules))))
        elif change == 1 and rules:
            rules.pop(self.random.randrange(len(rules)))
        elif change == 2:
            result.policy = self.random.choice(["accept", "drop"])
        return result

    def packets(self, count=60):
        kinds = [Packet(protocol, source, target, port) for protocol in ("tcp", "udp") for source in SOURCES
                 for target in TARGETS for port in (22, 53, 80, 8080, 30, 1000)]
        kinds += [Packet("icmp", source, target, 8) for source in SOURCES for target in TARGETS]
        return self.random.sample(kinds, count)


def table(forwarded, pre="", post="", policy="drop", other="", extra=""):
    return f"""table ip t {{
{extra}
chain other {{
{other}
}}
chain pre {{
type nat hook prerouting priority -100;
{pre}
}}
chain forwarded {{
type filter hook forward priority 0; policy {policy};
{forwarded}
}}
chain post {{
type nat hook postrouting priority 100;
{post}
}}
}}
"""


PAIRS = [
    ("a set is two rules", "equal", table("tcp dport { 22, 80 } accept"),
     table("tcp dport 22 accept\ntcp dport 80 accept")),
    ("a chain is inlined", "equal", table("ip saddr 10.1.0.0/24 jump other", other="udp dport 53 accept"),
     table("ip saddr 10.1.0.0/24 udp dport 53 accept")),
    ("one port more", "differs", table("tcp dport { 22, 80 } accept"), table("tcp dport { 22, 80, 8080 } accept")),
    ("another way to reject", "differs", table("udp dport 53 reject with icmp admin-prohibited"),
     table("udp dport 53 reject")),
    ("a reset is no ICMP error", "differs", table("tcp dport 22 reject with tcp reset"), table("tcp dport 22 reject")),
    ("a port of no protocol is of each", "differs", table("th dport 53 accept"), table("udp dport 53 accept")),
    ("goto does not come back", "differs", table("goto other\ntcp dport 22 accept", other="udp dport 53 accept"),
     table("jump other\ntcp dport 22 accept", other="udp dport 53 accept")),
    ("translated, and filtered by what it holds then", "equal",
     table("ip daddr 10.9.0.200 tcp dport 8080 accept",
           "ip daddr 192.0.2.9 tcp dport { 22, 80 } dnat to 10.9.0.200:8080"),
     table("tcp dport 8080 ip daddr 10.9.0.200 accept",
           "tcp dport 80 ip daddr 192.0.2.9 dnat to 10.9.0.200:8080\n"
           "tcp dport 22 ip daddr 192.0.2.9 dnat to 10.9.0.200:8080")),
    ("filtered by what it held before", "differs",
     table("ip daddr 10.9.0.200 tcp dport 8080 accept", "tcp dport 80 dnat to 10.9.0.200:8080"),
     table("tcp dport 80 accept", "tcp dport 80 dnat to 10.9.0.200:8080")),
    ("translated to another port", "differs",
     table("accept", "ip daddr 192.0.2.9 tcp dport 80 dnat to 10.9.0.200:8080"),
     table("accept", "ip daddr 192.0.2.9 tcp dport 80 dnat to 10.9.0.200")),
    ("another source", "differs", table("accept", post="ip saddr 10.1.0.0/24 snat to 198.51.100.200"),
     table("accept", post="ip saddr 10.1.0.0/24 snat to 198.51.100.201")),
    ("a map is two rules", "equal",
     table("accept", "dnat to tcp dport map { 22 : 10.9.0.200, 80 : 10.9.0.201 }"),
     table("accept", "tcp dport 80 dnat to 10.9.0.201\ntcp dport 22 dnat to 10.9.0.200")),
    ("a verdict map is a chain", "equal", table("tcp dport vmap { 22 : accept, 80 : jump other }", other="accept"),
     table("tcp dport { 22, 80 } accept")),
    ("a named set with a hole", "differs",
     table("ip saddr @s accept",
           extra="set s { type ipv4_addr; flags interval; elements = { 198.51.100.0/25, 10.1.0.9 } }"),
     table("ip saddr { 198.51.100.0/24, 10.1.0.9 } accept")),
    ("pairs of addresses and ports", "equal", table("ip saddr . tcp dport { 10.1.0.9 . 22, 10.1.0.77 . 80 } accept"),
     table("ip saddr 10.1.0.77 tcp dport 80 accept\nip saddr 10.1.0.9 tcp dport 22 accept")),
    ("not, of what is no such packet", "differs", table("tcp dport != 22 accept"),
     table("meta l4proto tcp tcp dport 22 drop\naccept")),
]


class Run:
    def __init__(self):
        self.sides = [Side(name) for name in SIDES]
        self.count = {"equal": 0, "differs": 0, "not_provable": 0, "examples": 0, "packets": 0}

    def load(self, rules):
        for side, text in zip(self.sides, rules):
            side.load(text)

    def send(self, packets):
        self.count["packets"] += 2 * len(packets)
        return [side.send(packets) for side in self.sides]

    def hold(self, report, packets):
        """What the kernels do is what verify says."""
        met = self.send(packets)
        for packet in packets:
            if report["verdict"] == "equal" and met[0][packet] != met[1][packet]:
                raise Wrong(f"proven equal, and {packet} meets {met[0][packet]} and {met[1][packet]}")
        examples = {example_packet(it["packet"]): it for it in report["differences"]}
        examples.pop(None, None)
        met = self.send(list(examples))
        for packet, it in examples.items():
            for side, of in zip(met, ("old", "new")):
                if side[packet] != predicted(packet, it[of]["outcome"]):
                    raise Wrong(f"{it['packet']}: {it[of]['outcome']!r} is said of {of}, and it meets {side[packet]}")
        self.count["examples"] += len(examples)
        return met

    def pair(self, rules, packets, expected=None):
        self.load(rules)
        report = verify()
        if expected is not None and report["verdict"] != expected:
            raise Wrong(f"{report['verdict']}, expected {expected}: {report['not_provable']}")
        self.count[report["verdict"]] += 1
        self.hold(report, packets)
        return report


def told(name, rules, check):
    try:
        check()
    except (Wrong, KeyError, socket.timeout) as wrong:
        print(f"{name}: {wrong!r}\n--- a\n{rules[0]}--- b\n{rules[1]}", file=sys.stderr)
        sys.exit(1)


def table_pair(run, rules, expected, packets):
    """The pair; then other rules than those that verify has seen, which some packet has to tell."""
    report = run.pair(rules, packets, expected)
    run.load([rules[0], table("drop")] if expected == "equal" else [rules[1], rules[0]])
    try:
        run.hold(report, packets)
    except Wrong:
        return
    raise Wrong("other rules were loaded, and no packet told it")


def main():
    seed, seconds = int(sys.argv[1]), float(sys.argv[2])
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # packets stay in order
    begin = time.monotonic()
    run = Run()
    draw = Draw(seed)
    everything = draw.packets(208)
    for name, expected, *rules in PAIRS:
        told(name, rules, lambda rules=rules, expected=expected: table_pair(run, rules, expected, everything))
    pairs, refused = 0, 0
    while time.monotonic() - begin < seconds or pairs < 10:
        one = draw.rule_set()
        other = draw.rule_set() if pairs % 4 == 0 else draw.other_words(one)
        rules = [one.text(), other.text()]
        try:
            told(f"random pair {pairs} of seed {seed}", rules, lambda rules=rules: run.pair(rules, draw.packets()))
            pairs += 1
        except Refused:
            refused += 1
    if not all(run.count[name] for name in ("equal", "differs", "examples")):
        sys.exit(f"nothing was looked at: {run.count}")
    print(f"{pairs} random pairs of seed {seed}, {refused} that nft refused; with the table: " +
          ", ".join(f"{count} {name}" for name, count in run.count.items()))


if __name__ == "__main__":
    main()
