#!/usr/bin/python3
"""Many TCP sessions that say nothing, and when each of them ends.

  sessions_held.py serve PORT                      takes connections, and holds them
  sessions_held.py hold HOST PORT N FIRST COUNT    opens N, from COUNT addresses from FIRST on; prints "ready", and
                                                   when all have ended, or none has for 10 s, how that went, as JSON:
                                                   {"ended": N, "reset": N, "per_s": the pace between the first
                                                   tenth and the last}
"""
import ipaddress
import json
import select
import socket
import sys
import time

AT_ONCE = 200  # connections that are being opened


def serve(port):
    listener = socket.create_server(("", int(port)), backlog=65535)
    held = {}
    events = select.epoll()
    events.register(listener, select.EPOLLIN)
    while True:
        for fd, _ in events.poll():
            if fd == listener.fileno():
                connection, _ = listener.accept()
                held[connection.fileno()] = connection
                events.register(connection, select.EPOLLIN)
            else:
                events.unregister(fd)
                held.pop(fd).close()


def opened(host, port, count, sources):
    connections = []
    while len(connections) < count:
        opening = []
        for i in range(min(AT_ONCE, count - len(connections))):
            connection = socket.socket()
            connection.setsockopt(socket.IPPROTO_IP, 24, 1)  # IP_BIND_ADDRESS_NO_PORT
            connection.bind((sources[i % len(sources)], 0))
            connection.setblocking(False)
            connection.connect_ex((host, port))
            opening.append(connection)
        for connection in opening:
            opens = select.poll()
            opens.register(connection, select.POLLOUT)
            if not opens.poll(10_000) or connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != 0:
                sys.exit("a session was not opened within 10 s")
        connections += opening
    return connections


def hold(host, port, count, first, addresses):
    sources = [str(ipaddress.ip_address(first) + i) for i in range(int(addresses))]
    connections = {c.fileno(): c for c in opened(host, int(port), int(count), sources)}
    total = len(connections)
    events = select.epoll()
    for fd in connections:
        events.register(fd, select.EPOLLRDHUP)
    print("ready", flush=True)
    ends, reset, last = [], 0, None
    while connections and (last is None or time.monotonic() < last + 10):
        for fd, _ in events.poll(1, 100_000):
            last = time.monotonic()
            ends.append(last)
            connection = connections.pop(fd)
            error = connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            reset += error == 104  # ECONNRESET
            events.unregister(fd)
            connection.close()
    low, high = len(ends) // 10, len(ends) * 9 // 10
    print(json.dumps({"ended": len(ends), "of": total, "reset": reset,
                      "per_s": round((high - low) / (ends[high] - ends[low]), 1)}), flush=True)


if __name__ == "__main__":
    {"serve": serve, "hold": hold}[sys.argv[1]](*sys.argv[2:])
