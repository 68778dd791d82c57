#!/usr/bin/python3
"""Takes IPIP or GUE (RFC 2003, draft-ietf-intarea-gue), or IPv6 in IPv6 (RFC 2473), off what comes in, and
hands the inner packets to this host's kernel by a TUN interface: a server of direct return, where the kernel
has no tunnels of its own.

    decapsulate.py TUN ipip|gue|ip6ip6
"""
import fcntl
import os
import socket
import struct
import sys

name, kind = sys.argv[1:]
tun = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(tun, 0x400454CA, struct.pack("16sH22x", name.encode(), 0x0001 | 0x1000))  # IFF_TUN, IFF_NO_PI
if kind == "gue":
    outer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    outer.bind(("", 6080))
elif kind == "ip6ip6":
    outer = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_IPV6)
else:
    outer = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_IPIP)
while True:
    data = outer.recv(65535)
    if kind == "ip6ip6":
        skip = 0  # the kernel gives what follows the header
    else:
        skip = 4 + (data[0] & 31) * 4 if kind == "gue" else (data[0] & 15) * 4
    os.write(tun, data[skip:])
