"""A server that answers every line with its name, and its clients, for smoke tests.

  lines.py serve PORT NAME         answers until it is killed
  lines.py ask HOST PORT           one connection, one line: prints the answer
  lines.py hold HOST PORT          one connection: asks once for each line of standard input and prints the
                                   answer, or "reset", "closed", "silent"
  lines.py tell PATH               the same over a UNIX socket, with the lines themselves, until one is not answered
"""
import socket
import socketserver
import sys


class Answer(socketserver.StreamRequestHandler):
    def handle(self):
        try:
            for _ in self.rfile:
                self.wfile.write(sys.argv[3].encode() + b"\n")
        except ConnectionError:
            pass  # paced out


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


def ask(connection):
    try:
        connection.sendall(b"ask\n")
        answer = connection.recv(100)
        return answer.decode().strip() or "closed"
    except TimeoutError:
        return "silent"
    except ConnectionError:
        return "reset"


if sys.argv[1] == "serve":
    Server(("0.0.0.0", int(sys.argv[2])), Answer).serve_forever()
if sys.argv[1] == "tell":
    with socket.socket(socket.AF_UNIX) as control:
        control.settimeout(5)
        control.connect(sys.argv[2])
        answers = control.makefile()
        for line in sys.stdin:
            control.sendall(line.encode())
            print(answers.readline(), end="", flush=True)
    sys.exit()
connection = socket.create_connection((sys.argv[2], int(sys.argv[3])), timeout=2)
if sys.argv[1] == "ask":
    print(ask(connection))
else:
    for _ in sys.stdin:
        print(ask(connection), flush=True)
