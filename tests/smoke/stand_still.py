#!/usr/bin/env python3
"""Stops one thread of a process, by its name, until standard input ends: PID NAME."""
import ctypes
import os
import sys

SEIZE, INTERRUPT, DETACH, WALL = 0x4206, 0x4207, 17, 0x40000000

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]


def trace(request, thread):
    if libc.ptrace(request, thread, None, None) != 0:
        raise OSError(ctypes.get_errno(), "ptrace")


pid, name = sys.argv[1:]
threads = [int(t) for t in os.listdir(f"/proc/{pid}/task")
           if open(f"/proc/{pid}/task/{t}/comm").read().strip() == name]
trace(SEIZE, threads[0])
trace(INTERRUPT, threads[0])
os.waitpid(threads[0], WALL)
print("still", flush=True)
sys.stdin.read()
trace(DETACH, threads[0])
