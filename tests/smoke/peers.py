#!/usr/bin/python3
"""The ends of connections through vipd, for smoke tests: servers, clients, and what becomes of sessions.

Servers, until they are killed:
  peers.py names PORT NAME            answers every line with its name
  peers.py echo PORT                  sends back what comes, on any number of connections
  peers.py mirror PORT...             tells its peer's address, then sends back what comes; IPv4 and IPv6
  peers.py datagrams ADDRESS PORT     sends each datagram back
  peers.py sick ADDRESS PORT NAME FILE   names, whose new connections fare as the file says, if it is there:
                                      "well", "hangs" (no answer), "refuses", "lies" (another answer); those
                                      that are open go on
  peers.py says PORT NAME             answers every datagram with its name, from the address that was asked

Clients:
  peers.py ask HOST PORT              of names: one line, prints the answer
  peers.py wait HOST PORT N           of names: N connections at once, each asks; prints how many were answered
                                      within 10 s, and how long the longest took, as JSON
  peers.py hold HOST PORT             of names, one connection: asks once for each line of standard input and
                                      prints the answer, or "reset", "closed", "silent"
  peers.py tell PATH                  the same over a UNIX socket, with the lines themselves
  peers.py garble PATH                says what is no request to a UNIX socket: bytes at random, half a line, one of
                                      9 MiB, and so on; prints how many answers came, and how many were "ok"
  peers.py many HOST PORT N           of echo: opens N idle and N busy connections, prints "ready", and waits
                                      for each to end; prints how they did, as JSON:
                                      {"idle": {"reset": N}, "busy": {"reset": N}}
  peers.py crowd HOST PORT N [FIRST]  of names: opens N connections, from the address FIRST and those behind
                                      it where that is given, prints "ready", and for each line of
                                      standard input does what it says with all of them:
                                        ask      prints who answered how many, as JSON
                                        at-once  the same of all at the same time, and who says nothing
                                                 for 2 s is "silent"
                                        fill     the same, of a line that takes many full packets
                                        numbers  prints "ADDRESS PORT SEQ ACK" of each: where it is, and at
                                                 which numbers its ends go on; then a line "."
                                        close    closes them
  peers.py logins HOST PORT FIRST N [SAME]  of names: N logins at once, from the address FIRST and those behind it
                                      (SAME: all from that one), each given 3.5 s; prints, as JSON, who
                                      got in, and how many were refused or met silence
  peers.py talk HOST PORT N           of says: N sockets; prints "ready", and for each line of standard input
                                      does what it says with all of them:
                                        ask      prints who answered how many, and how many were answered
                                                 by another than the time before, as JSON:
                                                 {"by": {"NAME": N}, "moved": N}
                                        send     asks, and does not wait
  peers.py bulk HOST PORT BYTES       of mirror: sends so many and reads them again; prints who the server saw
  peers.py datagram HOST PORT BYTES   of datagrams: one there and back, tried five times

Of many: a busy connection always has data on the way in both directions; an idle one sends nothing after
its first line, so that only a reset with exactly the right number can reach it.
"""
import asyncio
import collections
import concurrent.futures
import ipaddress
import json
import os
import select
import socket
import socketserver
import sys
import threading
import time

PATIENCE_S = 60


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 1024


class Server6(Server):
    address_family = socket.AF_INET6


def names(port, name):
    class Answer(socketserver.StreamRequestHandler):
        def handle(self):
            try:
                for _ in self.rfile:
                    self.wfile.write(name.encode() + b"\n")
            except ConnectionError:
                pass  # paced out
    Server6(("::", int(port)), Answer).serve_forever()


def echo(port):
    async def answer(reader, writer):
        try:
            while data := await reader.read(4096):
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        writer.close()

    async def serve():
        async with await asyncio.start_server(answer, "0.0.0.0", int(port), backlog=4096) as server:
            await server.serve_forever()
    asyncio.run(serve())


class Mirror(socketserver.StreamRequestHandler):
    def handle(self):
        self.wfile.write(self.client_address[0].removeprefix("::ffff:").encode() + b"\n")
        while data := self.request.recv(65536):
            self.wfile.write(data)


def mirror(*ports):
    for port in ports:
        threading.Thread(target=Server6(("::", int(port)), Mirror).serve_forever).start()


def datagrams(address, port):
    end = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    end.bind((address, int(port)))
    while True:
        data, peer = end.recvfrom(65535)
        end.sendto(data, peer)


def sick(address, port, name, path):
    def mood():
        try:
            with open(path) as file:
                return file.read().strip()
        except FileNotFoundError:
            return "well"

    async def answer(reader, writer):
        came = mood()
        try:
            while await reader.readline():
                if came != "hangs":
                    writer.write(b"no\n" if came == "lies" else name.encode() + b"\n")
        except ConnectionError:
            pass
        writer.close()

    async def serve():
        server = None
        while True:
            refuses = mood() == "refuses"
            if refuses and server is not None:
                server.close()
                server = None
            elif not refuses and server is None:
                server = await asyncio.start_server(answer, address, int(port), backlog=1024)
            await asyncio.sleep(0.02)
    asyncio.run(serve())


def wait(host, port, count):
    async def one():
        began = time.monotonic()
        try:
            async with asyncio.timeout(10):
                reader, writer = await asyncio.open_connection(host, int(port))
                writer.write(b"ask\n")
                answered = await reader.readline()
            writer.close()
            return time.monotonic() - began if answered else None
        except (OSError, TimeoutError):
            return None

    async def everybody():
        took = [t for t in await asyncio.gather(*(one() for _ in range(int(count)))) if t is not None]
        print(json.dumps({"served": len(took), "longest_ms": round(max(took, default=0) * 1000)}))
    asyncio.run(everybody())


def says(port, name):
    end = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    end.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
    end.bind(("::", int(port)))
    while True:
        _, said, _, peer = end.recvmsg(65535, 100)
        asked_at = said[0][2][:16]  # in6_pktinfo: the address, then the interface
        end.sendmsg([name.encode()], [(socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, asked_at + bytes(4))], 0, peer)


def answer_on(connection, line=b"ask\n"):
    try:
        connection.sendall(line)
        answer = connection.recv(100)
        return (answer.decode().split() or ["closed"])[-1]  # one that was late may stand before it
    except TimeoutError:
        return "silent"
    except ConnectionError:
        return "reset"


def ask(host, port):
    print(answer_on(socket.create_connection((host, int(port)), timeout=2)))


def hold(host, port):
    connection = socket.create_connection((host, int(port)), timeout=2)
    for _ in sys.stdin:
        print(answer_on(connection), flush=True)


def tcp_numbers(connection):
    """Where both ends go on (tcp(7) does not tell of TCP_REPAIR: linux/tcp.h)."""
    repair, queue, sequence = 19, 20, 21
    numbers = []
    connection.setsockopt(socket.IPPROTO_TCP, repair, 1)
    for of in (2, 1):  # what is sent, what is received
        connection.setsockopt(socket.IPPROTO_TCP, queue, of)
        numbers.append(connection.getsockopt(socket.IPPROTO_TCP, sequence) & 0xffffffff)
    connection.setsockopt(socket.IPPROTO_TCP, repair, -1)  # off, without a window probe
    return numbers


def crowd(host, port, count, first=None):
    sources = [(str(ipaddress.ip_address(first) + i), 0) if first else None for i in range(int(count))]
    connections = [socket.create_connection((host, int(port)), 5, source) for source in sources]
    print("ready", flush=True)
    for line in sys.stdin:
        if line.strip() == "ask":
            print(json.dumps(collections.Counter(map(answer_on, connections)), sort_keys=True), flush=True)
        elif line.strip() == "at-once":
            for connection in connections:
                connection.settimeout(2)
            with concurrent.futures.ThreadPoolExecutor(len(connections)) as at_once:
                answers = at_once.map(answer_on, connections)
            print(json.dumps(collections.Counter(answers), sort_keys=True), flush=True)
        elif line.strip() == "fill":
            for connection in connections:
                connection.settimeout(20)
            long_line = b"x" * 20_000 + b"\n"
            with concurrent.futures.ThreadPoolExecutor(len(connections)) as at_once:
                answers = at_once.map(lambda c: answer_on(c, long_line), connections)
            print(json.dumps(collections.Counter(answers), sort_keys=True), flush=True)
        elif line.strip() == "numbers":
            for connection in connections:
                print(*connection.getsockname()[:2], *tcp_numbers(connection))
            print(".", flush=True)
        else:
            for connection in connections:
                connection.close()


def logins(host, port, first, count, same=None):
    def login(source):
        try:
            with socket.create_connection((host, int(port)), 3.5, (source, 0)) as connection:
                return source, answer_on(connection)
        except ConnectionRefusedError:
            return source, "refused"
        except TimeoutError:
            return source, "silent"
    sources = [same or str(ipaddress.ip_address(first) + i) for i in range(int(count))]
    with concurrent.futures.ThreadPoolExecutor(len(sources)) as at_once:
        fates = list(at_once.map(login, sources))
    lost = [fate for _, fate in fates if fate in ("refused", "silent", "reset", "closed")]
    print(json.dumps({"in": [source for source, fate in fates if fate not in lost],
                      "refused": lost.count("refused"), "silent": lost.count("silent")}))


def tell(path):
    with socket.socket(socket.AF_UNIX) as control:
        control.settimeout(5)
        control.connect(path)
        answers = control.makefile()
        for line in sys.stdin:
            control.sendall(line.encode())
            print(answers.readline(), end="", flush=True)


def garble(path):
    answers = []
    for said in (os.urandom(200_000) + b"\n", b'{"command":"mask","level":"si', b"x" * (9 << 20) + b"\n",
                 b"\n" * 1000, b"[" * 100_000 + b"\n", b'{"command":"enable","level":"site","name":"\xff\x00"}\n'):
        with socket.socket(socket.AF_UNIX) as control:
            control.settimeout(5)
            control.connect(path)
            try:
                control.sendall(said)
                control.shutdown(socket.SHUT_WR)
                answers += control.makefile("rb").readlines()
            except ConnectionError:  # it has read enough
                pass
    print(json.dumps({"answers": len(answers), "ok": sum(json.loads(answer)["ok"] for answer in answers)}))


async def fate(host, port, busy, opened):
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(b"x" * 200)
        await reader.readexactly(200)
        opened.release()
        while True:
            if busy:
                writer.write(b"x" * 200)
                await writer.drain()
            async with asyncio.timeout(PATIENCE_S):
                data = await reader.read(4096)
            if not data:
                return "closed"
            if busy:
                await asyncio.sleep(.1)
    except ConnectionResetError:
        return "reset"
    except (TimeoutError, OSError) as error:
        return type(error).__name__


def many(host, port, count):
    async def hold_all():
        opened = asyncio.Semaphore(0)
        tasks = []
        for i in range(2 * int(count)):
            tasks.append(asyncio.create_task(fate(host, int(port), i % 2 == 1, opened)))
            if i % 100 == 99:
                await asyncio.sleep(.1)
        for _ in tasks:
            async with asyncio.timeout(PATIENCE_S):
                await opened.acquire()
        print("ready", flush=True)
        fates = await asyncio.gather(*tasks)
        print(json.dumps({"idle": collections.Counter(fates[0::2]),
                          "busy": collections.Counter(fates[1::2])}), flush=True)
    asyncio.run(hold_all())


def bulk(host, port, count):
    sent = os.urandom(int(count))
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        stream = connection.makefile("rb")
        peer = stream.readline().decode().strip()

        def send():
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
        threading.Thread(target=send).start()
        if stream.read() != sent:
            sys.exit("not what was sent came back")
    print(peer)


def talk(host, port, count):
    ends = [socket.socket(socket.getaddrinfo(host, int(port))[0][0], socket.SOCK_DGRAM) for _ in range(int(count))]
    before = None

    def send():
        for end in ends:
            end.send(b"ask")

    def asked():
        said = dict.fromkeys(ends, "silent")
        send()
        until = time.monotonic() + 2
        while (waiting := [end for end in ends if said[end] == "silent"]) and time.monotonic() < until:
            for end in select.select(waiting, [], [], .1)[0]:
                said[end] = end.recv(100).decode()
        return said
    for end in ends:
        end.connect((host, int(port)))
    print("ready", flush=True)
    for line in sys.stdin:
        if line.strip() == "send":
            send()
            continue
        try:
            said = asked()
        except ConnectionError as error:  # nobody listens there
            said = dict.fromkeys(ends, type(error).__name__)
        moved = sum(said[end] != (before or said)[end] for end in ends)
        print(json.dumps({"by": collections.Counter(said.values()), "moved": moved}), flush=True)
        before = said


def datagram(host, port, count):
    end = socket.socket(socket.getaddrinfo(host, int(port))[0][0], socket.SOCK_DGRAM)
    end.connect((host, int(port)))
    end.settimeout(1)
    sent = os.urandom(int(count))
    for _ in range(5):  # in IPv6 the first ones find the path's MTU
        try:
            end.send(sent)
            if end.recv(65535) == sent:
                return
        except (TimeoutError, OSError):
            pass
    sys.exit("no answer")


PARTS = {part.__name__: part for part in
         (names, echo, mirror, datagrams, says, sick, ask, wait, hold, crowd, logins, tell, garble, talk, many, bulk,
          datagram)}
if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in PARTS:
        sys.exit(__doc__)
    PARTS[sys.argv[1]](*sys.argv[2:])
