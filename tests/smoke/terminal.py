#!/usr/bin/python3
"""An operator at a terminal of 80x24: runs a command on it and does what standard input says, one line each.

  terminal.py SCREEN COMMAND ARGS... <<END
  see TEXT      waits until TEXT stands in what has come since the last `see`, for 10 s at most
  lack TEXT     it must not stand in what has come since the last `see`
  type KEYS     as they are typed; \\n is Enter, ^S and ^D are Ctrl-S and Ctrl-D
  touch PATH    makes a file
  until PATH    waits until the file is there, for 10 s at most
  quiet MS      until nothing has come for so long
  size ROWS COLUMNS   the terminal is so large from now on
  vanish        the terminal goes away
  END

All that came stands in SCREEN at last, without what paints.  Exits as the command does; 99 when an order was not met.
"""
import fcntl
import os
import pty
import re
import select
import struct
import sys
import termios
import time

LIMIT_S = 10


class Terminal:
    def __init__(self, argv):
        self.text = ""
        self.seen = 0
        self.child, self.fd = pty.fork()
        if self.child == 0:
            os.execvp(argv[0], argv)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))

    def read(self, wait_s):
        """Whether something came."""
        if self.fd is None or not select.select([self.fd], [], [], wait_s)[0]:
            return False
        try:
            some = os.read(self.fd, 65536)
        except OSError:  # the command has ended
            some = b""
        self.text += re.sub("\x1b\\[[0-9;]*[a-zA-Z]", "", some.decode(errors="replace")).replace("\r\n", "\n")
        return some != b""

    def see(self, text):
        end = time.monotonic() + LIMIT_S
        while text not in self.text[self.seen:]:
            if time.monotonic() > end or (not self.read(0.1) and self.fd is None):
                raise AssertionError(f"does not see: {text}")
        self.seen = self.text.index(text, self.seen) + len(text)

    def lack(self, text):
        if text in self.text[self.seen:]:
            raise AssertionError(f"sees: {text}")

    def type(self, keys):
        keys = re.sub(r"\^([A-Z])", lambda key: chr(ord(key[1]) - 64), keys.replace("\\n", "\n"))
        os.write(self.fd, keys.encode())

    def touch(self, path):
        with open(path, "w", encoding="utf-8"):
            pass

    def until(self, path):
        end = time.monotonic() + LIMIT_S
        while not os.path.exists(path):
            if time.monotonic() > end:
                raise AssertionError(f"is not there: {path}")
            time.sleep(0.02)

    def quiet(self, ms):
        end = time.monotonic() + LIMIT_S
        while self.read(int(ms) / 1000):
            if time.monotonic() > end:
                raise AssertionError("it never is")

    def size(self, rows_columns):
        rows, columns = map(int, rows_columns.split())
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def vanish(self):
        os.close(self.fd)
        self.fd = None

    def end(self):
        while self.read(60):
            pass
        return os.waitstatus_to_exitcode(os.waitpid(self.child, 0)[1])


def main():
    terminal = Terminal(sys.argv[2:])
    code = 99
    try:
        for order in sys.stdin.read().splitlines():
            name, _, rest = order.strip().partition(" ")
            getattr(terminal, name)(*([rest] if rest else []))
        code = terminal.end()
    except AssertionError as missed:
        print(f"{order}: {missed}; the screen:\n{terminal.text}", file=sys.stderr)
        os.kill(terminal.child, 9)
    with open(sys.argv[1], "w", encoding="utf-8") as screen:
        screen.write(terminal.text)
    sys.exit(code)


main()
