"""What a source NAT pool of one address bears: new logins beside a flood of SYNs, and flows towards four servers.

    client 10.9.0.2 -- line -- gateway -- servers 10.1.0.1 -- server 10.1.0.2 to .5
                               VIP 203.0.113.2:5000, the servers' clients are 10.1.200.1
"""
import json
import subprocess
import time

import wire
import world

FLOODS = (5_000, 50_000)  # SYNs a second
LOGINS_PER_S = 20
SECONDS = 8
SERVERS = range(2, 6)
FLOWS = 252_000  # of 258,048 that an address has ports for towards four servers
CHUNK = 8_000  # that may be half open at once
DATAGRAMS_PER_S = 25_000
LOGINS = """
import json, socket, sys, threading, time
done = []
def login():
    try:
        with socket.create_connection((sys.argv[1], 5000), timeout=2) as connection:
            connection.settimeout(2)
            done.append(connection.recv(100) != b"")
    except OSError:
        done.append(False)
threads = [threading.Thread(target=login) for _ in range(int(sys.argv[2]) * int(sys.argv[3]))]
for thread in threads:
    thread.start()
    time.sleep(1 / int(sys.argv[2]))
for thread in threads:
    thread.join()
print(json.dumps({"tried": len(done), "done": sum(done)}))
"""
SERVER = """
import socket
listener = socket.create_server(("", 6000), backlog=4096)
while True:
    connection, _ = listener.accept()
    connection.sendall(b"welcome")
    connection.close()
"""


class Pooled(wire.Path):
    """The way of wire.py through vipd, with services whose servers see the pool's address."""

    def __init__(self, tools, programs):
        super().__init__("vipd", tools, programs)

    def document(self):
        made = world.config(["af_xdp:red0", "af_xdp:srv0", "null:"], packets=16_384, hugepages=False,
                            served=world.services("nat", 4))
        servers = [{"name": f"s{k}", "address": world.SERVER[4].format(k), "port": world.SERVER_PORT}
                   for k in SERVERS]
        for service in made["services"]:
            service["source_nat"] = "pool"
            service["servers"] = servers if service["name"] == "udp2" else service["servers"]
        made["pools"] = [{"name": "pool", "addresses": ["10.1.200.1/32"]}]
        return made

    def build(self):
        super().build()
        self.ip(self.server, *(f"address add 10.1.0.{k}/24 dev eth0" for k in SERVERS if k != 2))

    def spoof(self, *words):
        said = world.on(self.client, f"{self.tools}/spoof", *words)
        return json.loads(said)

    def address(self):
        return self.vipd.stats()["pool_addresses"][0]


def login_share(path, rate):
    """Of those who log in while so many SYNs a second come from anywhere, who gets in."""
    before = path.vipd.stats()
    logins = world.start_on(path.client, "python3", "-c", LOGINS, wire.VIP, str(LOGINS_PER_S), str(SECONDS - 2),
                            stdout=subprocess.PIPE, text=True)
    sent = path.spoof("syn", wire.VIP, "5000", str(rate), str(SECONDS))
    said = json.loads(logins.communicate(timeout=60)[0])
    stats = path.vipd.stats()
    pool, was = stats["pools"][0], before["pools"][0]
    return {"sent_per_s": round(sent["sent"] / sent["seconds"]), "share": round(said["done"] / said["tried"], 4),
            "tried": said["tried"], "gave_way": pool["gave_way"] - was["gave_way"],
            "exhausted": pool["exhausted"] - was["exhausted"],
            "half_open": stats["pool_addresses"][0]["tcp_half_open"]}


def handshake_flood(options, tools):
    with Pooled(tools, options.programs) as path:
        server = world.start_on(path.server, "python3", "-c", SERVER)
        try:
            time.sleep(0.5)
            floods = {str(rate): login_share(path, rate) for rate in FLOODS}
        finally:
            server.kill()
            server.wait()
    return {"handshake_flood_new_login_share": min(flood["share"] for flood in floods.values()),
            "handshake_flood": floods}


def flows(options, tools):
    with Pooled(tools, options.programs) as path:
        echoes = [path.stream(path.server, "echo", "6000", world.SERVER[4].format(k)) for k in SERVERS]
        before = path.vipd.stats()["drops"]
        try:
            for first in range(0, FLOWS, CHUNK):
                for _ in range(2):  # two exchanges, and a flow lasts
                    path.spoof("udp", wire.VIP, "5000", str(DATAGRAMS_PER_S), str(first), str(min(CHUNK, FLOWS - first)))
                    time.sleep(0.1)
        finally:
            for echo in echoes:
                path.finish(echo)
        stats = path.vipd.stats()
    drops = {name: count - before[name] for name, count in stats["drops"].items() if count != before[name]}
    return {"pool_flows_per_address": stats["flow_table"]["established"],
            "pool_flows": {"offered": FLOWS, "servers": len(SERVERS), "ports": stats["pool_addresses"][0]["udp_used"],
                           "drops": drops}}
