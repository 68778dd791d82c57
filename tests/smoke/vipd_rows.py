#!/usr/bin/python3
"""Runs a file of packet rows through the real vipd on pcap ports, and judges what it sent.

    vipd_rows.py kernel              prints ip -batch commands: twins, routes, neighbours
    vipd_rows.py write ROWS DIR      the ports' pcap files and the configuration, into DIR
    vipd_rows.py fillers ROWS        how many packets only fill bursts (dropped as truncated)
    vipd_rows.py check ROWS DIR STATS

ROWS is what packet-rows prints, STATS what `vipctl stats --json` said at the end.

A worker reads its ports in turn, a burst of 64 from each.  That is the order across ports: the
n-th step of the rows is in the n-th burst of its port, and what fills up all bursts is too short to
be a packet.  Checksums are judged by scapy and tcpdump, which know nothing of vipd.
"""
import difflib
import json
import re
import subprocess
import sys
from collections import Counter

from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.packet import Raw
from scapy.utils import RawPcapReader, RawPcapWriter

DATA = "tests/data/packets/"
BURST = 64
SETTLE_BURSTS = 2000  # some 50 ms of them on two ports
FILLER = bytes.fromhex("020000000001020000000099080045")


def fixture():
    return json.load(open(DATA + "gateway.json")), json.load(open(DATA + "inventory.json"))


def patched(document, patch):
    """A JSON merge patch (RFC 7396)."""
    for key, value in patch.items():
        if value is None:
            document.pop(key, None)
        elif isinstance(value, dict):
            document[key] = patched(document.get(key, {}), value)
        else:
            document[key] = value
    return document


def route_lists():
    decoder, text, at, lists = json.JSONDecoder(), open(DATA + "gateway.routes.json").read(), 0, []
    while at < len(text.rstrip()):
        piece, at = decoder.raw_decode(text, at)
        lists.append(piece)
        at += len(text[at:]) - len(text[at:].lstrip())
    return lists


class Places:
    """Where a line or a port is, and which link-layer addresses are there."""

    def __init__(self):
        document, inventory = fixture()
        self.ports = [port["name"] for port in document["ports"]]
        gateway = document["gateway"]
        self.lines = {line["carrier"]: line for site in inventory["sites"]
                      for line in site["lines"] if line["gateway"] == gateway}
        self.neighbours = {entry["dst"]: bytes.fromhex(entry["lladdr"].replace(":", ""))
                           for entries in route_lists() for entry in entries if "lladdr" in entry}

    def port(self, place):
        return self.lines[place]["port"] if place in self.lines else place

    def sender(self, place):
        line = self.lines.get(place)
        return self.neighbours[line["peer"]] if line else bytes.fromhex("020000000099")

    def receiver(self, place, ip):
        line = self.lines.get(place)
        return self.neighbours[line["peer"] if line else layer3(ip).dst]


def layer3(ip):
    return IPv6(ip) if ip[0] >> 4 == 6 else IP(ip)


def frame(receiver, sender, packet):
    ip = bytes.fromhex(packet["ip"])
    tag = b"" if packet["vlan"] is None else b"\x81\x00" + packet["vlan"].to_bytes(2, "big")
    kind = b"\x86\xdd" if ip[:1] and ip[0] >> 4 == 6 else b"\x08\x00"
    return receiver + sender + tag + kind + ip


def steps_of(rows):
    return [(row["row"], step) for row in rows["rows"] for step in row["steps"]]


def used_ports(rows, places):
    return {places.port(step["in"]["place"]) for _, step in steps_of(rows)}


def is_keepalive(step):
    return b"rhka" in bytes.fromhex(step["in"]["ip"])


def bursts_of(step):
    """A burst with the step's packet.  What a keepalive says is acted on with the next snapshot, which
    the control thread makes: until it is there, only fillers come in."""
    return 1 + (SETTLE_BURSTS if is_keepalive(step) else 0)


def fillers(rows):
    bursts = sum(bursts_of(step) for _, step in steps_of(rows))
    return bursts * len(used_ports(rows, Places())) * BURST - len(steps_of(rows))


def write(rows, folder):
    document, inventory = fixture()
    document = patched(document, rows["config"])
    places = Places()
    used = used_ports(rows, places)
    for port in document["ports"]:
        name = port["name"]
        port["device"] = f"pcap:{folder}/{name}.rx,{folder}/{name}.tx"
        out = RawPcapWriter(f"{folder}/{name}.rx", linktype=1)
        out.write_header(None)
        for _, step in steps_of(rows) if name in used else ():
            packets = [FILLER] * BURST * bursts_of(step)
            place = step["in"]["place"]
            if places.port(place) == name:
                packets[0] = frame(FILLER[:6], places.sender(place), step["in"])
            for each in packets:
                out.write_packet(each)
        out.close()
    json.dump(document, open(f"{folder}/gateway.json", "w"))
    json.dump(inventory, open(f"{folder}/inventory.json", "w"))


def kernel():
    """The twins are there before vipd is, with the addresses of net_pcap's devices, so that routes
    and neighbours are known when the first packet is read."""
    document, _ = fixture()
    for i, port in enumerate(document["ports"]):
        print(f"tuntap add mode tap dev {port['name']}")
        print(f"link set dev {port['name']} address 02:70:63:61:70:{i:02x} up")
    for entries in route_lists():
        for entry in entries:
            if "type" in entry:
                continue  # blackholes: vipd holds them itself
            if "." in entry["dev"]:
                continue  # VLANs are for the core alone
            if "lladdr" in entry:
                print(f"neigh add {entry['dst']} lladdr {entry['lladdr']} dev {entry['dev']} "
                      "nud permanent")
                continue
            via = f"via {entry['gateway']} onlink" if "gateway" in entry else ""
            print(f"route add {entry['dst']} {via} dev {entry['dev']}")


# ---- what was sent ------------------------------------------------------------------------------

def noise(sent):
    """What vipd and the kernel say of their own accord: keepalives, ARP, neighbour discovery."""
    if sent[12:14] == b"\x86\xdd":
        protocol, at = sent[20], 54
        if protocol == 0:  # MLD stands behind a router alert
            protocol, at = sent[54], 62
        return protocol == 58 and (sent[at] in (133, 134, 135, 136, 143))
    if sent[12:14] != b"\x08\x00":
        return True
    udp = sent[14 + (sent[14] & 15) * 4:]
    return sent[23] == 17 and udp[2:4] == b"\x17\xc0" and udp[8] & 0x20 != 0


def sent_by(path):
    return [packet for packet, _ in RawPcapReader(path) if not noise(packet)]


def wrong_sums(ip):
    """Which checksums of an IP packet, and of what a tunnel carries in it, scapy makes otherwise."""
    packet = layer3(ip)
    wrong = []
    if isinstance(packet, IP):
        if IP(bytes(remade(packet, IP))).chksum != packet.chksum:
            wrong.append("IP")
        if packet.frag or packet.flags.MF:
            return wrong
        if packet.proto in (4, 41) and Raw not in packet:
            return wrong + wrong_sums(bytes(packet.payload))
    for layer in (TCP, UDP, ICMP):
        if packet.haslayer(layer) and not isinstance(packet.getlayer(layer).underlayer, ICMP):
            found = packet[layer]
            if not (layer is UDP and found.chksum == 0):
                again = layer3(bytes(remade(packet, layer)))
                if again[layer].chksum != found.chksum:
                    wrong.append(layer.__name__)
            break
    else:
        if isinstance(packet, IPv6):
            upper = packet
            while upper and not hasattr(upper, "cksum"):
                upper = upper.payload
            if upper:
                kind = type(upper)
                again = layer3(bytes(remade(packet, kind, "cksum")))
                if again[kind].cksum != upper.cksum:
                    wrong.append("ICMPv6")
    if packet.haslayer(UDP) and packet[UDP].dport == 6080:
        carried = bytes(packet[UDP].payload)
        inner = carried[4 + (carried[0] & 31) * 4:]
        wrong += wrong_sums(inner) if len(inner) >= 20 else []
    return wrong


def remade(packet, layer, field="chksum"):
    packet = packet.copy()
    delattr(packet[layer], field)
    return packet


def joined(packets):
    """The datagrams that IPv4 fragments make, where all of one are there."""
    pieces, whole = {}, []
    for ip in packets:
        if ip[:1] and ip[0] >> 4 == 4 and len(ip) >= 20:
            packet = IP(ip)
            if packet.frag or packet.flags.MF:
                pieces.setdefault((packet.src, packet.dst, packet.id, packet.proto), {})[
                    packet.frag * 8] = packet
    for parts in pieces.values():
        data, last = b"", False
        for offset in sorted(parts):
            if offset == len(data):
                data += bytes(parts[offset].payload)
                last = not parts[offset].flags.MF
        if last and 0 in parts:
            head = parts[0].copy()
            head.remove_payload()
            head.frag, head.flags = 0, 0
            del head.len, head.chksum
            whole.append(bytes(head / Raw(data)))
    return whole


def check_sums(rows):
    """A packet that came in right leaves right, and one that did not is not made to look so."""
    complaints, good = [], []
    for row in rows["rows"]:
        came = [bytes.fromhex(step["in"]["ip"]) for step in row["steps"] if not step["drops"]]
        left = [bytes.fromhex(out["ip"]) for step in row["steps"] for out in step["out"]]
        came_wrong = any(wrong_sums(ip) for ip in came + joined(came))
        for ip in left + joined(left):
            wrong = wrong_sums(ip)
            if wrong and not came_wrong:
                complaints.append(f"row {row['row']}: {wrong} in {layer3(ip).summary()}")
            if not wrong and not came_wrong:
                good.append(ip)
    return complaints, good


def check_with_tcpdump(packets, path):
    out = RawPcapWriter(path, linktype=101)  # IP without a link layer
    out.write_header(None)
    for packet in packets:
        out.write_packet(packet)
    out.close()
    said = subprocess.run(["tcpdump", "-nvvr", path], capture_output=True, text=True).stdout
    # A tunnel over IPv6 may go without a UDP checksum (RFC 6935), which tcpdump does not know.
    none = r"\.6080: \[bad udp cksum 0x0000"
    return [f"tcpdump: {line}" for line in said.splitlines()
            if re.search(r"bad (udp |tcp )?cksum|incorrect|wrong", line) and not re.search(none, line)]


def check(rows, folder, stats):
    places = Places()
    complaints, good = check_sums(rows)
    expected = {name: [] for name in places.ports}
    drops, punted = Counter(), 0
    for row, step in steps_of(rows):
        for out in step["out"]:
            name = places.port(out["place"])
            mac = bytes([2, 0x70, 0x63, 0x61, 0x70, places.ports.index(name)])
            ip = bytes.fromhex(out["ip"])
            expected[name].append((f"row {row}, line {step['line']}",
                                   frame(places.receiver(out["place"], ip), mac, out)))
        drops.update(step["drops"])
        punted += step["punt"]
    drops["truncated"] += fillers(rows)
    for name in places.ports:
        want, got = expected[name], sent_by(f"{folder}/{name}.tx")
        matcher = difflib.SequenceMatcher(None, [each for _, each in want], got, autojunk=False)
        for kind, i1, i2, j1, j2 in matcher.get_opcodes():
            if kind != "equal":
                complaints += [f"{row}: not sent by {name}: {each.hex()}" for row, each in want[i1:i2]]
                complaints += [f"  instead, by {name}: {each.hex()}" for each in got[j1:j2]]
    for reason, count in stats["drops"].items():
        if count != drops[reason] and reason != "fragment_timeout":
            complaints.append(f"dropped as {reason}: {count}, expected {drops[reason]}")
    if stats["punted"] != punted:
        complaints.append(f"punted: {stats['punted']}, expected {punted}")
    complaints += check_with_tcpdump(good, f"{folder}/good.pcap")
    print(f"{len(rows['rows'])} rows, {sum(map(len, expected.values()))} packets sent, "
          f"{len(good)} checked by scapy and tcpdump")
    return complaints


def main():
    what, *rest = sys.argv[1:]
    if what == "kernel":
        kernel()
        return 0
    rows = json.load(open(rest[0]))
    if what == "write":
        write(rows, rest[1])
    elif what == "fillers":
        print(fillers(rows))
    else:
        complaints = check(rows, rest[1], json.load(open(rest[2])))
        print("\n".join(complaints))
        return 1 if complaints else 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
