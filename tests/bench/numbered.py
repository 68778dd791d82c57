#!/usr/bin/python3
"""Numbered datagrams, to see what becomes of each.

  numbered.py send HOST PORT RATE BYTES   one after another until standard input ends, and for each that is sent back,
                                          when; prints {"sent": N, "answered": N, "longest_gap_ms": MS}
  numbered.py count PORT [echo]           counts each number once (and sends it back) until standard input ends, then
                                          prints how many
"""
import json
import select
import socket
import struct
import sys
import time

IP_MTU_DISCOVER, IP_PMTUDISC_DONT = 10, 0
SO_RCVBUFFORCE = 33


def drain(sock, handle):
    while True:
        try:
            handle(*sock.recvfrom(65536))
        except BlockingIOError:
            return
        except OSError:  # an ICMP error about one before
            continue


def send(host, port, rate, size):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT)
    sock.setblocking(False)
    sock.bind(("", 40000))
    began, sent, answers = time.monotonic(), 0, []
    while not select.select([sys.stdin], [], [], 0)[0]:
        due = int((time.monotonic() - began) * float(rate))
        for sent in range(sent, due):
            try:
                sock.sendto(struct.pack("!Q", sent).ljust(int(size), b"."), (host, int(port)))
            except OSError:
                pass
        sent = max(sent, due)
        drain(sock, lambda *_: answers.append(time.monotonic()))
        time.sleep(0.0005)
    time.sleep(0.3)
    drain(sock, lambda *_: answers.append(time.monotonic()))
    gaps = [after - before for before, after in zip(answers, answers[1:])]
    print(json.dumps({"sent": sent, "answered": len(answers), "longest_gap_ms": round(1000 * max(gaps, default=0))}))


def count(port, echo=None):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
    sock.setblocking(False)
    sock.bind(("", int(port)))
    seen = set()

    def take(data, client):
        seen.add(struct.unpack_from("!Q", data)[0])
        if echo:
            sock.sendto(data[:8], client)

    while sys.stdin not in select.select([sys.stdin, sock], [], [])[0]:
        drain(sock, take)
    drain(sock, take)
    print(len(seen))


{"send": send, "count": count}[sys.argv[1]](*sys.argv[2:])
