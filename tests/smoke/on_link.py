#!/usr/bin/python3
"""What somebody does who has got onto the link between gateways, for smoke tests.

  on_link.py forge IF MAC FROM TO    100 each of: clients' SYNs, replies, questions and keepalives, as gateway FROM
                                     would send them to gateway TO, without a tag, out of IF to that MAC address
  on_link.py again IN OUT N          takes N packets of the tunnel that come in by IN, and sends each once more by OUT
"""
import socket
import struct
import sys

GUE, CONTROL = 6080, 0x20


def summed(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total ^ 0xffff


def ip_packet(source, destination, protocol, payload):
    header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 0, 0x4000, 64, protocol, 0)
    header += socket.inet_aton(source) + socket.inet_aton(destination)
    return header[:10] + struct.pack("!H", summed(header)) + header[12:] + payload


def segment(source, port, destination, to_port, flags):
    header = struct.pack("!HHIIBBHHH", port, to_port, 1000, 0, 5 << 4, flags, 1000, 0, 0)
    ends = socket.inet_aton(source) + socket.inet_aton(destination) + struct.pack("!HH", 6, len(header))
    header = header[:16] + struct.pack("!H", summed(ends + header)) + header[18:]
    return ip_packet(source, destination, 6, header)


def in_tunnel(source, destination, gue):
    return ip_packet(source, destination, 17, struct.pack("!HHHH", GUE, GUE, 8 + len(gue), 0) + gue)


def data(kind, inner):
    return struct.pack("!BBHBBBBI", 2, 4, 0, 1, kind, 4, 0, 0) + inner


def keepalive(sequence):
    return struct.pack("!BBH4sBBHIIII", CONTROL, 0, 0, b"rhka", 1, 0, 0, 1, 1, 0, 1_000_000 + sequence)


def wire(interface):
    every = 3  # ETH_P_ALL: a bridge takes the others away before anybody is asked
    end = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(every))
    end.bind((interface, every))
    return end


def forge(interface, mac, source, destination):
    link = bytes.fromhex(mac.replace(":", "")) + b"\x02\0\0\0\0\x66" + struct.pack("!H", 0x0800)
    out = wire(interface)
    for i in range(100):
        for gue in (data(0, segment("10.9.0.66", 10_000 + i, "198.51.100.10", 1883, 2)),
                    data(1, segment("198.51.100.10", 1883, "10.9.0.66", 10_000 + i, 18)),
                    data(2, segment("10.9.0.66", 20_000 + i, "198.51.100.10", 1883, 16)),
                    keepalive(i)):
            out.send(link + in_tunnel(source, destination, gue))


def again(interface, out_interface, count):
    end, out = wire(interface), wire(out_interface)
    end.settimeout(10)
    left = int(count)
    while left > 0:
        frame, address = end.recvfrom(65535)
        if address[2] == socket.PACKET_OUTGOING or frame[23] != 17 or frame[36:38] != struct.pack("!H", GUE):
            continue
        out.send(frame)
        left -= 1


PARTS = {"forge": forge, "again": again}
if len(sys.argv) < 2 or sys.argv[1] not in PARTS:
    sys.exit(__doc__)
PARTS[sys.argv[1]](*sys.argv[2:])
