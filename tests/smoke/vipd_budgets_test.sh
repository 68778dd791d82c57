#!/bin/bash
# What floods leave of a gateway to others: of the kernel behind it (ARP and a BGP session beside forged SYNs, pings and
# ARP), and of a source NAT pool; and a client that uses one port for two VIPs of one server.  Two workers.
# shellcheck source=tests/smoke/_init.sh
. "$(dirname "$0")/_init.sh"
# shellcheck disable=SC2016  # it is jq's
export vipd_change='.workers = 2 | .services[0].servers[0].address as $server |
    def service(name; port; more): {name: name, vip: "198.51.100.10", protocol: "tcp", port: port, forward: "nat",
        servers: [{name: "s1", address: $server, port: 7001}]} + more;
    .services += [service("one"; 7001; {}), service("two"; 7002; {}), service("pooled"; 7003; {source_nat: "pool"})] |
    .services += [service("dns1"; 53; {protocol: "udp"}), service("dns2"; 54; {protocol: "udp"})] |
    .pools = [{name: "pool", addresses: ["10.1.250.1/32"], half_open_percent: 1}]'
# shellcheck source=tests/smoke/_vipd.sh
. "$here/_vipd.sh"
vipd_world
stat() { ctl old stats --json | jq "$1"; }

echo "# two VIPs in front of one server: a client that uses one port for both is answered by both, 12 of 12"
on old-s python3 tests/smoke/peers.py names 7001 old-s &
on old-s python3 tests/smoke/peers.py says 7001 old-s &
served() { served_by old-s 7001; }
wait_until 5 served
on client python3 - <<'END'
import socket

def ask(kind, source, port):
    one = socket.socket(socket.AF_INET, kind)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    one.bind(("10.9.0.2", source))
    one.settimeout(3)
    one.connect(("198.51.100.10", port))
    one.send(b"?\n")
    assert one.recv(100).startswith(b"old-s"), port
    return one

both = [[ask(socket.SOCK_STREAM, source, port) for port in (7001, 7002)] for source in range(30000, 30012)]
both += [[ask(socket.SOCK_DGRAM, source, port) for port in (53, 54)] for source in range(31000, 31012)]
END
[ "$(stat .drops.server_taken)" = 0 ]

echo "# SYNs from anywhere hold a hundredth of the pool's 64,512 ports, and logins get in beside them"
on client python3 tests/smoke/forge.py syns 198.51.100.10 7003 4 >"$dir/flooded" &
flood=$!
gave_way() { [ "$(stat '.pools[0].gave_way')" -gt 200 ]; }
wait_until 5 gave_way
for _ in 1 2 3 4 5 6 7 8 9 10; do served_by old-s 7003; done
[ "$(stat '.pools[0].exhausted')" = 0 ]
[ "$(stat '.pool_addresses[0] | .tcp_half_open <= 645 and .tcp_used + .tcp_free == 64512')" = true ]
ctl old stats | found '^10.1.250.1 '
ctl old metrics | found '^rehome_vipd_pool_address_half_open{address="10.1.250.1",protocol="tcp"}'
wait "$flood"

echo "# a BGP session, ARP and the twin's ping live beside a flood of forged SYNs to port 179"
on old-gw python3 tests/smoke/peers.py mirror 179 &
listens() { on old-gw ss -Hltn 'sport = 179' | found 179; }
wait_until 5 listens
on isp python3 - >"$dir/session" <<'END' &
import socket, time

one = socket.create_connection(("100.64.1.2", 179), timeout=5)
one.settimeout(3)
one.recv(100) # who we are
end, rounds, longest = time.monotonic() + 6, 0, 0
while time.monotonic() < end:
    began = time.monotonic()
    one.sendall(b"keepalive")
    left = 9
    while left:
        left -= len(one.recv(left))
    longest, rounds = max(longest, time.monotonic() - began), rounds + 1
    time.sleep(0.02)
print(rounds, longest)
END
session=$!
sleep 0.5
on client python3 tests/smoke/forge.py syns 100.64.1.2 179 4 >"$dir/flooded" &
flood=$!
policed() { [ "$(stat .drops.punt_bgp)" -gt 2000 ]; }
wait_until 5 policed
wait_until 5 ip -n isp neighbour flush dev old # a flood makes them anew meanwhile
on isp ping -c 1 -W 1 100.64.1.2 | found ' 1 received'
[ "$(stat .drops.punt_arp)" = 0 ]
[ "$(stat .drops.punt_session)" = 0 ]
wait "$flood" "$session"
# No segment was lost: one that is said again comes 0.2 s later at least.
read -r rounds longest <"$dir/session"
[ "$rounds" -gt 100 ]
jq -en "$longest < 0.2" >/dev/null

echo "# 20,000 pings: the kernel gets what punt_per_s allows, both workers together, and why says so"
before=$(stat .punted)
on client ping -q -f -c 20000 -W 1 100.64.1.2 >"$dir/ping" || true
[ "$(stat .drops.punt_icmp)" -gt 0 ]
jq -en "$(stat .drops.punt_icmp) + $(stat .punted) - $before >= 20000" >/dev/null
