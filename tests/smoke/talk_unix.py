#!/usr/bin/python3
"""Says one line to a UNIX socket and prints what it answers: talk_unix.py PATH LINE"""
import socket
import sys

with socket.socket(socket.AF_UNIX) as peer:
    peer.settimeout(5)
    peer.connect(sys.argv[1])
    try:
        peer.sendall(sys.argv[2].encode() + b"\n")
    except (BrokenPipeError, ConnectionResetError):  # it has read enough
        pass
    print(peer.recv(65536).decode())
