#!/bin/bash
# Two workers on ports with one queue each: what one of them receives and the other one owns goes through their rings.
# TCP, UDP, fragments, re-login, reload, and figures that are sums.
. "$(dirname "$0")/_init.sh"
# shellcheck source=tests/smoke/_vipd.sh
. "$here/_vipd.sh"

# The same world with two workers, UDP echo and a map beside the TCP service.
# shellcheck disable=SC2016  # it is jq's
export vipd_change='.workers = 2 | .services[0].servers[0].address as $server |
    .services += [{"name":"echo","vip":"198.51.100.10","protocol":"udp","port":7007,"forward":"nat",
                   "servers":[{"name":"s1","address":$server,"port":7007}]}] |
    .maps = [{"name":"all","vip_prefix":"198.51.100.64/32","server_prefix":($server | sub("2$"; "3/32"))}]'
vipd_world
ip -n old-s address add 10.1.0.3/24 dev eth0
old_pid=$(pgrep -f "^vipd run --config $dir/old.json")
[ "$(cat /proc/"$old_pid"/task/*/comm | grep -c '^vipd-[01]$')" = 2 ]

on old-s python3 tests/smoke/peers.py names 1883 old-s &
on old-s python3 -c '
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("10.1.0.2", 7007))
while True:
    data, peer = s.recvfrom(65535)
    s.sendto(data, peer)' &
wait_until 5 say

echo "40 connections, of both workers' clients"
for _ in $(seq 40); do [ "$(say)" = old-s ]; done

echo "UDP: small, and of 8 KB, whose fragments come to the flow's worker"
on client python3 -c '
import os, socket
for size in [100] * 20 + [8000] * 20:
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(3)
    data = os.urandom(size)
    for _ in range(3):
        s.sendto(data, ("198.51.100.10", 7007))
        assert s.recv(65535) == data, size'

echo "fragments to the VIP itself, and through the map"
on client ping -q -c 10 -i 0.05 -w 5 -s 4000 198.51.100.10 | found ' 10 received'
on client ping -q -c 10 -i 0.05 -w 5 -s 4000 198.51.100.64 | found ' 10 received'

echo "flows of both workers are listed, and counted together"
ctl old flows --json >"$dir/flows.json"
[ "$(jq -r '[.flows[].worker] | unique | join(",")' "$dir/flows.json")" = "0,1" ]
[ "$(ctl old flows --count)" = "$(jq '.flows | length' "$dir/flows.json")" ]
client=$(jq -r '[.flows[] | select(.worker == 1 and .protocol == "udp")][0].client' "$dir/flows.json")
ctl old why "udp $client > 198.51.100.10:7007" | found 'flow .*entry: server'

echo "figures are sums: in and out of the line, and what was dropped"
[ "$(figure old '.lines[0].rx_vip_packets')" -gt 400 ]
[ "$(ctl old stats --json | jq .drops.ring_full)" = 0 ]
[ "$(ctl old stats --json | jq .drops.fragment_timeout)" = 0 ]
ctl old metrics | found '^rehome_vipd_drops_total{reason="ring_full"} 0$'

echo "20 reloads while packets of both workers are answered"
on client ping -i 0.01 -c 300 -w 20 -q 198.51.100.10 >"$dir/ping" &
ping=$!
for _ in $(seq 20); do ctl old reload; done
wait "$ping"
grep -q "300 packets transmitted, 300 received" "$dir/ping"
[ "$(say)" = old-s ]

echo "a capture has both workers' packets"
vipctl --socket "$dir/old.sock" capture --out "$dir/all.pcapng" --seconds 60 --direction both 2>"$dir/progress" &
capture=$!
wait_until 5 test -s "$dir/all.pcapng"
for _ in 1 2 3 4 5 6 7 8; do say; done
kill -INT "$capture"
wait "$capture"
[ "$(tcpdump -n -r "$dir/all.pcapng" 'dst host 198.51.100.10 and tcp[tcpflags] == tcp-syn' 2>/dev/null | wc -l)" = 8 ]

echo "re-login: held connections of both workers are reset, and logged"
for i in 1 2 3 4 5 6; do
    mkfifo "$dir/hold$i"
    on client python3 tests/smoke/peers.py hold 198.51.100.10 1883 <"$dir/hold$i" >"$dir/held$i" &
    eval "exec $((10 + i))>\"$dir/hold$i\""
    echo ask >&$((10 + i))
    wait_until 5 grep -q old-s "$dir/held$i"
done
ctl old weak site old --here --rate 100 --wait
for i in 1 2 3 4 5 6; do
    echo ask >&$((10 + i))
    wait_until 3 grep -q reset "$dir/held$i"
done
[ "$(grep -c '"vip":"198.51.100.10:1883"' "$dir/old.resets")" = "$(figure old ".disabled[0].reset")" ]
[ "$(figure old ".disabled[0].reset")" -ge 6 ]

echo "the share and a line hold at both workers"
ctl old enable site old --here
fails ctl old share 100 2>"$dir/refused"
found "maps keep no state" <"$dir/refused"
ctl old share 100 --break-maps
on new-s python3 tests/smoke/peers.py names 1883 new-s &
wait_until 5 on new-s bash -c 'exec 3<>/dev/tcp/172.20.0.2/1883'
for _ in $(seq 10); do [ "$(say)" = new-s ]; done
ctl new enable line red
ctl old mask line red
[ "$(say)" = new-s ]
