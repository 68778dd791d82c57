#!/bin/bash
# Real stacks are answered where they met silence: closed ports, servers that are all gone, servers that
# talk to VIPs; and a map's IPv6 answers leave though nobody has resolved the router before.
#
#     client -- isp -- red -- gw -- servers -- server
. "$(dirname "$0")/_init.sh"

ns6 client isp gw server
ns peer
ip netns exec isp sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
veth client c0 isp c0
veth isp gw0 gw red0
veth gw srv0 server eth0
veth gw link0 peer link0 1600
address() { # NAMESPACE DEVICE IPV4 IPV6
    ip -n "$1" address add "$3" dev "$2"
    ip -n "$1" address add "$4" dev "$2" nodad
}
address client c0 10.9.0.2/24 2001:db8:c::2/64
address isp c0 10.9.0.1/24 2001:db8:c::1/64
address isp gw0 100.64.1.1/30 2001:db8:64::1/64
address server eth0 10.1.0.2/24 2001:db8:a::2/64
ip -n server address add 2001:db8:a:7::2/64 dev eth0 nodad
for via in 10.9.0.1 2001:db8:c::1; do ip -n client route add default via $via; done
for via in 10.1.0.1 2001:db8:a::1; do ip -n server route add default via $via; done
ip -n isp route add 198.51.100.0/24 via 100.64.1.2
ip -n isp route add 2001:db8:f::/48 via 2001:db8:64::2

jq '.prefixes += ["2001:db8:f::/48"] | .sites[0].networks += ["2001:db8:a::/48"]' \
    tests/data/gateway/inventory.json >"$dir/inventory.json"
jq '.services = [
    {name: "web", vip: "198.51.100.10", protocol: "tcp", port: 80, forward: "nat",
     servers: [{name: "s", address: "10.1.0.2", port: 8080}]},
    {name: "web6", vip: "2001:db8:f::10", protocol: "tcp", port: 80, forward: "nat",
     servers: [{name: "s", address: "2001:db8:a::2", port: 8080}]},
    {name: "gone", vip: "198.51.100.10", protocol: "tcp", port: 81, forward: "nat",
     servers: [{name: "a", address: "10.1.0.81", port: 81}, {name: "b", address: "10.1.0.82", port: 81}]}] |
    .maps = [{name: "six", vip_prefix: "2001:db8:f:7::/64", server_prefix: "2001:db8:a:7::/64"}]' \
    tests/data/gateway/vipd.json >"$dir/gw.json"
vipd_up() {
    : >"$dir/log"
    on gw vipd run --config "$dir/gw.json" >"$dir/log" 2>&1 &
    wait_until 20 grep -q ready "$dir/log" || { cat "$dir/log" >&2; return 1; }
}
socket=$(jq -r .control "$dir/gw.json")
ctl() { vipctl "$@" --socket "$socket"; }
drops() { ctl stats --json | jq ".drops.$1"; }
vipd_up
address gw red 100.64.1.2/30 2001:db8:64::2/64
address gw servers 10.1.0.1/24 2001:db8:a::1/64
ip -n gw address add 2001:db8:a:7::1/64 dev servers nodad
address gw link 10.99.0.1/24 2001:db8:99::1/64
ip -n gw route add default via 100.64.1.1
ip -n gw route add default via 2001:db8:64::1
on server python3 tests/smoke/peers.py mirror 8080 &

echo "# a map's answers in IPv6: none of 32 is lost, though nobody asked for the router; after a restart too"
pings() {
    ip -n gw neighbour flush all
    ip -n isp neighbour flush all
    sleep 0.3 # the flush has been heard
    on client ping -6 -q -c 32 -i 0.01 -W 2 2001:db8:f:7::2 >"$dir/ping" || { cat "$dir/ping" >&2; ctl stats >&2; return 1; }
    grep -q '32 received' "$dir/ping" || { cat "$dir/ping" >&2; ctl stats --json | jq -c .drops >&2; return 1; }
}
sixes_pass() { on client ping -6 -q -c 1 -W 1 2001:db8:f:7::2 >"$dir/ping"; }
wait_until 10 sixes_pass # addresses and routes are known
pings
vipd=$(pgrep -f "^vipd run --config $dir/gw.json")
kill "$vipd"
wait_until 10 fails kill -0 "$vipd"
vipd_up
pings

connect() { # ADDRESS PORT: how it ends
    on client python3 -c '
import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), 3).close()
    print("connected")
except OSError as wrong:
    print(type(wrong).__name__, wrong.errno)' "$1" "$2"
}
ask() { # ADDRESS PORT: what a connected UDP socket hears
    on client python3 -c '
import socket, sys
to = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
to.connect((sys.argv[1], int(sys.argv[2])))
to.settimeout(1)
to.send(b"x")
try:
    to.recv(9)
except OSError as wrong:
    print(type(wrong).__name__)' "$1" "$2"
}
echo "# a port is closed at once, in both families, once the configuration has settled"
closed() { [ "$(ask 198.51.100.10 99)" = ConnectionRefusedError ]; }
wait_until 10 closed
[ "$(ask 2001:db8:f::10 99)" = ConnectionRefusedError ]
[ "$(connect 198.51.100.10 99)" = "ConnectionRefusedError 111" ]
[ "$(connect 2001:db8:f::10 99)" = "ConnectionRefusedError 111" ]
[ "$(connect 198.51.100.10 80)" = connected ]
# A traceroute over UDP ends.
on client traceroute -n -q 1 -w 2 198.51.100.10 >"$dir/trace"
tail -n 1 "$dir/trace" | grep -q '^ 2  198.51.100.10 '
on client traceroute -6 -n -q 1 -w 2 2001:db8:f::10 >"$dir/trace"
tail -n 1 "$dir/trace" | grep -q ' 2001:db8:f::10 '
# A flood is answered in part, and all of it is counted.
before=$(drops no_service) made=$(ctl stats --json | jq .sent.icmp_errors)
on client python3 -c '
import socket
to = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for _ in range(2000):
    to.sendto(b"x", ("198.51.100.10", 99))'
counted() { [ "$(drops no_service)" -ge $((before + 1900)) ]; } # the host itself may lose some
wait_until 5 counted
made=$(($(ctl stats --json | jq .sent.icmp_errors) - made))
[ "$made" -ge 50 ] && [ "$made" -le 400 ]
# A change makes it wait again.
jq '.services[0].port = 82' "$dir/gw.json" >"$dir/other.json"
mv "$dir/other.json" "$dir/gw.json"
began=$(date +%s%N)
ctl reload
said=$(ask 198.51.100.10 99)
took_ms=$((($(date +%s%N) - began) / 1000000))
[ "$took_ms" -ge 5000 ] || [ "$said" = TimeoutError ] # (a slow host may have settled by then)

echo "# servers that do not answer: silence first, and host unreachable once both were asked in vain"
ctl why 'tcp 10.9.0.2:1 > 198.51.100.10:81 syn' >"$dir/why" || [ $? = 4 ]
grep -q '^waits to leave by servers to 10.1.0.8' "$dir/why"
gone() { [ "$(connect 198.51.100.10 81)" = "OSError 113" ]; }
sent_to() { ctl stats --json | jq '.services[] | select(.service == "gone") | .to_servers'; }
vipctl capture --out "$dir/late.pcapng" --drop all --seconds 60 --socket "$socket" 2>/dev/null &
capture=$!
first=$(connect 198.51.100.10 81)
[ "$first" = "TimeoutError None" ]
[ "$(sent_to)" = 0 ] # nothing got there
# A fragment whose first one never comes: dropped after its wait.
on client python3 -c '
import socket, struct
out = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
ends = socket.inet_aton("10.9.0.2") + socket.inet_aton("198.51.100.10")
out.sendto(struct.pack(">BBHHHBBH", 0x45, 0, 28, 7, 2, 64, 17, 0) + ends + b"8 bytes.", ("198.51.100.10", 0))'
timed_out() { [ "$(drops fragment_timeout)" = 1 ]; }
wait_until 5 timed_out
sleep 0.2 # a capture is read 20 times a second
kill $capture
wait $capture
grep -aq 'dropped: no_neighbour' "$dir/late.pcapng"
grep -aq 'dropped: fragment_timeout' "$dir/late.pcapng"
wait_until 60 gone
fails ctl why 'tcp 10.9.0.2:1 > 198.51.100.10:81 syn' >"$dir/why"
grep -q '^dropped: no_neighbour' "$dir/why"
[ "$(ctl stats --json | jq '.services[] | select(.service == "gone") | .dropped')" -gt 0 ]
ip -n server address add 10.1.0.81/32 dev eth0
ip -n server address add 10.1.0.82/32 dev eth0
back() { [ "$(connect 198.51.100.10 81)" = "ConnectionRefusedError 111" ]; } # by the server itself
wait_until 10 back

echo "# a server that talks to a VIP is told that it may not, under a name of its own"
before=$(drops hairpin)
on server python3 -c '
import socket
try:
    socket.create_connection(("198.51.100.10", 82), 3)
    raise SystemExit("connected")
except OSError as wrong:
    assert wrong.errno == 113, wrong'
[ "$(drops hairpin)" -gt "$before" ]
