"""A STAMP reflector (stateless) that misbehaves by the last digit of a probe's number.

Usage: bad_reflector.py ADDRESS PORT

  1  answers twice
  3  answers too shortly, then rightly
  5  answers after 400 ms
  7  answers after the next probe's answer
"""
import heapq
import socket
import sys
import time

wire = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
wire.bind((sys.argv[1], int(sys.argv[2])))
waiting = []  # (when, answer, to)
held = None
while True:
    try:
        wire.settimeout(max(0.001, waiting[0][0] - time.monotonic()) if waiting else None)
        request, sender = wire.recvfrom(2000)
    except TimeoutError:
        _, answer, to = heapq.heappop(waiting)
        wire.sendto(answer, to)
        continue
    digit = int.from_bytes(request[:4], "big") % 10
    answer = request[:14] + bytes(2) + request[4:12] + request[:14] + bytes(2) + b"\x40" + bytes(3)
    if digit == 5:
        heapq.heappush(waiting, (time.monotonic() + 0.4, answer, sender))
    elif digit == 7:
        held = answer
    else:
        if digit == 3:
            wire.sendto(answer[:43], sender)
        for _ in range(2 if digit == 1 else 1):
            wire.sendto(answer, sender)
        if held:
            wire.sendto(held, sender)
            held = None
