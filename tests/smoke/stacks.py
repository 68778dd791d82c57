#!/usr/bin/python3
"""Both ends of real transfers, for smoke tests.

    stacks.py serve TCP_PORT...       each connection: tells its peer's address, sends back what comes
    stacks.py echo ADDRESS UDP_PORT   sends each datagram back
    stacks.py bulk HOST PORT BYTES    sends so many and reads them again; prints who the server saw
    stacks.py ask HOST PORT BYTES     one datagram there and back, tried five times
"""
import os
import socket
import socketserver
import sys
import threading


class Mirror(socketserver.StreamRequestHandler):
    def handle(self):
        self.wfile.write(self.client_address[0].removeprefix("::ffff:").encode() + b"\n")
        while data := self.request.recv(65536):
            self.wfile.write(data)


class Server(socketserver.ThreadingTCPServer):
    address_family = socket.AF_INET6
    allow_reuse_address = True
    daemon_threads = True


def serve(ports):
    for port in ports:
        threading.Thread(target=Server(("::", port), Mirror).serve_forever).start()


def echo(address, port):
    end = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    end.bind((address, port))
    while True:
        data, peer = end.recvfrom(65535)
        end.sendto(data, peer)


def bulk(host, port, count):
    sent = os.urandom(count)
    with socket.create_connection((host, port), timeout=20) as connection:
        stream = connection.makefile("rb")
        peer = stream.readline().decode().strip()

        def send():
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
        threading.Thread(target=send).start()
        if stream.read() != sent:
            sys.exit("not what was sent came back")
    print(peer)


def ask(host, port, count):
    end = socket.socket(socket.getaddrinfo(host, port)[0][0], socket.SOCK_DGRAM)
    end.connect((host, port))
    end.settimeout(1)
    sent = os.urandom(count)
    for _ in range(5):  # in IPv6 the first ones find the path's MTU
        try:
            end.send(sent)
            if end.recv(65535) == sent:
                return
        except (TimeoutError, OSError):
            pass
    sys.exit("no answer")


what, *rest = sys.argv[1:]
if what == "serve":
    serve([int(port) for port in rest])
elif what == "echo":
    echo(rest[0], int(rest[1]))
elif what == "bulk":
    bulk(rest[0], int(rest[1]), int(rest[2]))
else:
    ask(rest[0], int(rest[1]), int(rest[2]))
