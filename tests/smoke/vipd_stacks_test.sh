#!/bin/bash
# Real stacks through vipd on AF_XDP ports: bulk TCP over a path with a small MTU, datagrams in
# fragments, traceroute, source NAT and direct return, in both families.
#
#     client -- home -(1280 bytes)- isp -- red -- gw -- servers -- server
#                                    \------- direct return -------/
. "$(dirname "$0")/_init.sh"

ns6 client home isp gw server
ns peer
for each in home isp; do
    ip netns exec "$each" sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
done
veth client c0 home c0
veth home up0 isp down0 1280
veth isp gw0 gw red0
veth isp ret0 server ret0
veth gw srv0 server eth0
veth gw link0 peer link0 1600
address() { # NAMESPACE DEVICE IPV4 IPV6
    ip -n "$1" address add "$3" dev "$2"
    ip -n "$1" address add "$4" dev "$2" nodad
}
route() { # NAMESPACE TO VIA...
    ip -n "$1" route add "${@:2}"
}
address client c0 10.9.0.2/24 2001:db8:c::2/64
address home c0 10.9.0.1/24 2001:db8:c::1/64
address home up0 10.8.0.2/24 2001:db8:8::2/64
address isp down0 10.8.0.1/24 2001:db8:8::1/64
address isp gw0 100.64.1.1/30 2001:db8:64::1/64
address isp ret0 10.7.0.1/24 2001:db8:7::1/64
address server ret0 10.7.0.2/24 2001:db8:7::2/64
address server eth0 10.1.0.2/24 2001:db8:a::2/64
address server lo 198.51.100.30/32 2001:db8:f::30/128
route client default via 10.9.0.1
route client default via 2001:db8:c::1
route home default via 10.8.0.1
route home default via 2001:db8:8::1
route isp 10.9.0.0/24 via 10.8.0.2
route isp 2001:db8:c::/64 via 2001:db8:8::2
route isp 198.51.100.0/24 via 100.64.1.2
route isp 2001:db8:f::/48 via 2001:db8:64::2
route server 10.9.0.0/24 via 10.1.0.1
route server 2001:db8:c::/64 via 2001:db8:a::1
route server 10.1.250.0/24 via 10.1.0.1
ip -n server rule add from 198.51.100.30 lookup 100
ip -n server -6 rule add from 2001:db8:f::30 lookup 100
route server default via 10.7.0.1 table 100
route server default via 2001:db8:7::1 table 100

jq '.prefixes += ["2001:db8:f::/48"] | .sites[0].networks += ["2001:db8:a::/48"]' \
    tests/data/gateway/inventory.json >"$dir/inventory.json"
services() { # NAME PROTOCOL VIP PORT SERVER HOW, each on a line
    jq -R 'split(" +"; "") | {name: .[0], protocol: .[1], vip: .[2], port: .[3] | tonumber,
        servers: [{name: "s", address: .[4]} + (.[6] // "{}" | fromjson)]} + (.[5] | fromjson)' | jq -s .
}
nat='{"forward":"nat"}' pooled='{"forward":"nat","source_nat":"pool"}'
ipip='{"forward":"tunnel","encapsulation":"ipip"}' gue='{"forward":"tunnel","encapsulation":"gue"}'
services >"$dir/services" <<END
web     tcp  198.51.100.10    80    10.1.0.2       $nat     {"port":8080}
web6    tcp  2001:db8:f::10   80    2001:db8:a::2  $nat     {"port":8080}
echo    udp  198.51.100.10    7     10.1.0.2       $nat     {"port":7007}
echo6   udp  2001:db8:f::10   7     2001:db8:a::2  $nat     {"port":7007}
closed  udp  198.51.100.10    9     10.1.0.2       $nat     {"port":9}
closed6 udp  2001:db8:f::10   9     2001:db8:a::2  $nat     {"port":9}
bank    tcp  198.51.100.20    443   10.1.0.2       $pooled  {"port":8443}
films   tcp  198.51.100.30    81    10.1.0.2       $ipip
music   udp  198.51.100.30    7008  10.1.0.2       $gue
END
jq --slurpfile services "$dir/services" '.services = $services[0] | .pools = [{"name":"pool","addresses":["10.1.250.1/32"]}]' \
    tests/data/gateway/vipd.json >"$dir/gw.json"

on gw vipd run --config "$dir/gw.json" >"$dir/log" 2>&1 &
wait_until 20 grep -q ready "$dir/log" || { cat "$dir/log" >&2; exit 1; }
address gw red 100.64.1.2/30 2001:db8:64::2/64
address gw servers 10.1.0.1/24 2001:db8:a::1/64
address gw link 10.99.0.1/24 2001:db8:99::1/64
route gw default via 100.64.1.1
route gw default via 2001:db8:64::1
on server python3 tests/smoke/peers.py mirror 8080 8443 81 &
on server python3 tests/smoke/peers.py datagrams :: 7007 &
on server python3 tests/smoke/peers.py datagrams ::ffff:198.51.100.30 7008 &
client() { on client python3 tests/smoke/peers.py "$@"; }
wait_until 10 client bulk 198.51.100.10 80 1
wait_until 10 client bulk 2001:db8:f::10 80 1

# ---- bulk both ways: the server must learn of the 1,280 bytes on the client's path
[ "$(client bulk 198.51.100.10 80 4000000)" = 10.9.0.2 ]
ip -n server route get 10.9.0.2 | found 'mtu 1280'
[ "$(client bulk 2001:db8:f::10 80 4000000)" = 2001:db8:c::2 ]
ip -n server route get 2001:db8:c::2 | found 'mtu 1280'

# ---- datagrams of 8 KB, in fragments both ways
client datagram 198.51.100.10 7 8192
client datagram 2001:db8:f::10 7 8192

# ---- traceroute sees the gateway, and the end behind it
on client traceroute -n -q 1 -w 2 -U -p 9 198.51.100.10 >"$dir/trace"
grep -q '^ 3  100.64.1.2 ' "$dir/trace"
grep -q '^ 4  198.51.100.10 ' "$dir/trace"
on client traceroute -n -q 1 -w 2 -I 198.51.100.10 | found '^ 3  198.51.100.10 '
on client traceroute -6 -n -q 1 -w 2 -U -p 9 2001:db8:f::10 >"$dir/trace6"
grep -q '2001:db8:f::10 ' "$dir/trace6"
on client traceroute -6 -n -q 1 -w 2 -I 2001:db8:f::10 | found '^ 3  2001:db8:f::10 '

# ---- source NAT: the server sees the pool's address
[ "$(client bulk 198.51.100.20 443 1000000)" = 10.1.250.1 ]

# ---- direct return: the server takes the tunnel off, and answers past the gateway
for kind in ipip gue; do
    ip -n server tuntap add mode tun dev $kind
    ip -n server link set dev $kind up
    on server python3 tests/smoke/decapsulate.py $kind $kind &
done
wait_until 5 client bulk 198.51.100.30 81 1
[ "$(client bulk 198.51.100.30 81 1000000)" = 10.9.0.2 ]
client datagram 198.51.100.30 7008 1000
client datagram 198.51.100.30 7008 8192
