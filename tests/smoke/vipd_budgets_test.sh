#!/bin/bash
# What a flood leaves of a source NAT pool to others; and a client that uses one port for two VIPs of one server.  Two
# workers.
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
