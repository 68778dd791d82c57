#!/usr/bin/python3
"""Live sessions through vipd whose every answer is checked, for scenarios and for the soak.

    sessions.py [--tcp N] [--udp N] [--every MS] [--to ADDRESS]...      TCP's port is 1883, UDP's 5683

Opens N TCP connections, and sends from N UDP sockets, to each address: servers are peers.py's `names` and
`says`.  Each asks every MS (200) ms, for itself; beside them somebody new logs in ten times a second.  Prints
"ready" once all were answered, and for each line of standard input:
    report   what there was since the report before, as JSON:
               asked, answered    questions of the sessions, and answers
               lost               TCP sessions that were reset or closed, or that no answer came to for 10 s
               moved              UDP sessions whose server is another one than before
               refused            somebody new who was not answered within 3 s
               gap_ms             the longest time between a question and its answer
               by                 sessions by the server that has them now
    end      ends (what was started meanwhile may hold the other end of standard input)
    numbers  "ADDRESS PORT SEQ ACK" of each TCP session to an IPv4 address, then a line "." (forge.py)
A TCP session that is lost is opened again.

Time limits are asyncio.timeout(): wait_for() of this Python forgets that it was cancelled when its answer comes
at the same moment, and the program would never end.
"""
import argparse
import asyncio
import collections
import json
import socket
import sys
import time

sys.dont_write_bytecode = True

import peers

TCP_PORT, UDP_PORT = 1883, 5683
PATIENCE_S, NEW_PATIENCE_S = 10, 3


class Session:
    def __init__(self, count, address):
        self.count, self.address = count, address
        self.server = None

    def answered(self, since, server):
        self.count["answered"] += 1
        self.count["gap_ms"] = max(self.count["gap_ms"], round((time.monotonic() - since) * 1000))
        self.server = server


class Tcp(Session):
    writer = None

    async def open(self):
        reader, self.writer = await asyncio.open_connection(self.address, TCP_PORT)
        return reader

    async def run(self, every, first):
        while True:
            try:
                async with asyncio.timeout(PATIENCE_S):
                    reader = await self.open()
                while True:
                    since = time.monotonic()
                    self.count["asked"] += 1
                    self.writer.write(b"ask\n")
                    async with asyncio.timeout(PATIENCE_S):
                        line = await reader.readline()
                    if not line:
                        raise ConnectionError
                    self.answered(since, line.decode().strip())
                    first.set()
                    await asyncio.sleep(every)
            except (OSError, TimeoutError):
                self.count["lost"] += 1
                if self.writer is not None:
                    self.writer.transport.abort()
                await asyncio.sleep(every)


class Udp(Session):
    async def run(self, every, first):
        loop = asyncio.get_running_loop()
        family = socket.AF_INET6 if ":" in self.address else socket.AF_INET
        end = socket.socket(family, socket.SOCK_DGRAM)
        end.setblocking(False)
        end.connect((self.address, UDP_PORT))
        while True:
            since = time.monotonic()
            self.count["asked"] += 1
            try:
                end.send(b"ask")
                async with asyncio.timeout(every):
                    name = (await loop.sock_recv(end, 100)).decode()
                self.count["moved"] += self.server not in (None, name)
                self.answered(since, name)
                first.set()
                await asyncio.sleep(max(0, every - (time.monotonic() - since)))
            except TimeoutError:
                pass
            except OSError:
                await asyncio.sleep(every)


async def log_in(count, address):
    """Somebody new: one connection, one question."""
    writer = None
    try:
        async with asyncio.timeout(NEW_PATIENCE_S):
            reader, writer = await asyncio.open_connection(address, TCP_PORT)
            writer.write(b"ask\n")
            answered = await reader.readline()
        count["new"] += 1
        count["refused"] += not answered
    except (OSError, TimeoutError):
        count["new"] += 1
        count["refused"] += 1
    if writer is not None:
        writer.close()


async def log_in_again_and_again(count, addresses):
    tasks = set()
    number = 0
    while True:
        task = asyncio.create_task(log_in(count, addresses[number % len(addresses)]))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        number += 1
        await asyncio.sleep(0.1)


def report(count, sessions):
    said = {key: count[key] for key in ("asked", "answered", "lost", "moved", "new", "refused", "gap_ms")}
    said["by"] = collections.Counter(s.server for s in sessions if s.server)
    count.clear()
    print(json.dumps(said), flush=True)


def numbers(sessions):
    for session in sessions:
        if isinstance(session, Tcp) and "." in session.address and session.writer is not None:
            end = session.writer.get_extra_info("socket")
            try:
                print(*end.getsockname()[:2], *peers.tcp_numbers(end))
            except OSError:
                pass  # it has just ended
    print(".", flush=True)


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tcp", type=int, default=20)
    parser.add_argument("--udp", type=int, default=20)
    parser.add_argument("--every", type=int, default=200)
    parser.add_argument("--to", action="append", required=True)
    options = parser.parse_args()
    count = collections.Counter()
    sessions = [kind(count, address) for address in options.to
                for kind, number in ((Tcp, options.tcp), (Udp, options.udp)) for _ in range(number)]
    firsts = [asyncio.Event() for _ in sessions]
    running = [asyncio.create_task(s.run(options.every / 1000, first)) for s, first in zip(sessions, firsts)]
    for first in firsts:
        await first.wait()
    count.clear()
    running.append(asyncio.create_task(log_in_again_and_again(count, options.to)))
    print("ready", flush=True)
    lines = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while line := await lines.readline():
        if line.strip() == b"end":
            return
        if line.strip() == b"numbers":
            numbers(sessions)
        else:
            report(count, sessions)

asyncio.run(main())
