#!/bin/bash
# Real stacks through vipd on AF_XDP ports: bulk TCP over a path with a small MTU, datagrams in
# fragments, traceroute, source NAT and direct return, in both families.
#
#     client -- home -(1280 bytes)- isp -- red -- gw -- servers -- server
#                                    \------- direct return -------/
. "$(dirname "$0")/_init.sh"

ns client home isp gw server peer
for each in client home isp gw server; do
    ip netns exec "$each" sysctl -qw net.ipv6.conf.{all,default}.disable_ipv6=0 \
        net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.default.autoconf=0
done
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

site() { # NAME ASN NETWORKS TUNNEL LINE
    echo '{"name":"'"$1"'","asn":'"$2"',"networks":['"$3"'],"gateways":[{"name":"'"$1"'","host":"local",
      "tunnel":{"address":"'"$4"'","port":"link"},"vipd":{"config":"'"$dir/$1.json"'","socket":"'"$dir/$1.sock"'"}}],
      "lines":[{"carrier":"red","gateway":"'"$1"'","port":"red","address":"100.64.'"$5"'.2/30","peer":"100.64.'"$5"'.1","peer_asn":64501}]}'
}
service() { # NAME PROTOCOL VIP PORT SERVER MORE
    echo '{"name":"'"$1"'","protocol":"'"$2"'","vip":"'"$3"'","port":'"$4"','"$6"',
      "servers":[{"name":"s","address":"'"$5"'"'"${7:-}"'}]}'
}
nat='"forward":"nat"' pooled='"forward":"nat","source_nat":"pool"'
ipip='"forward":"tunnel","encapsulation":"ipip"' gue='"forward":"tunnel","encapsulation":"gue"'
v4=10.1.0.2 v6=2001:db8:a::2
echo '{"schema":"rehome/inventory/1","move":{"from":"gw","to":"other"},"prefixes":["198.51.100.0/24","2001:db8:f::/48"],
  "sites":['"$(site gw 64600 '"10.1.0.0/16","2001:db8:a::/48"' 10.99.0.1 1)"','"$(site other 64700 '"172.20.0.0/16"' 10.99.0.2 2)"'],
  "carriers":[{"name":"red","vantage":{"host":"local","source":"10.9.0.2"},"clients":["10.9.0.0/24"]}],
  "services":[{"name":"web","vip":"198.51.100.10","protocol":"tcp","port":80,
    "servers":[{"name":"s","old":{"address":"10.1.0.2"},"new":{"address":"172.20.0.2"}}]}]}' >"$dir/inventory.json"
echo '{"schema":"rehome/vipd/1","inventory":"inventory.json","gateway":"gw","control":"'"$dir/gw.sock"'",
  "memory":{"mib":128,"hugepages":false},
  "ports":[{"name":"red","device":"af_xdp:red0"},{"name":"servers","device":"af_xdp:srv0"},{"name":"link","device":"af_xdp:link0"}],
  "lines":[{"carrier":"red","enabled":true}],"pools":[{"name":"pool","addresses":["10.1.250.1/32"]}],
  "services":['"$(service web tcp 198.51.100.10 80 $v4 "$nat" ',"port":8080'),
    $(service web6 tcp 2001:db8:f::10 80 $v6 "$nat" ',"port":8080'),
    $(service echo udp 198.51.100.10 7 $v4 "$nat" ',"port":7007'),
    $(service echo6 udp 2001:db8:f::10 7 $v6 "$nat" ',"port":7007'),
    $(service closed udp 198.51.100.10 9 $v4 "$nat" ',"port":9'),
    $(service closed6 udp 2001:db8:f::10 9 $v6 "$nat" ',"port":9'),
    $(service bank tcp 198.51.100.20 443 $v4 "$pooled" ',"port":8443'),
    $(service films tcp 198.51.100.30 81 $v4 "$ipip"),
    $(service music udp 198.51.100.30 7008 $v4 "$gue")"']}' >"$dir/gw.json"

on gw vipd run --config "$dir/gw.json" >"$dir/log" 2>&1 &
wait_until 20 grep -q ready "$dir/log" || { cat "$dir/log" >&2; exit 1; }
address gw red 100.64.1.2/30 2001:db8:64::2/64
address gw servers 10.1.0.1/24 2001:db8:a::1/64
address gw link 10.99.0.1/24 2001:db8:99::1/64
route gw default via 100.64.1.1
route gw default via 2001:db8:64::1
on server python3 tests/smoke/stacks.py serve 8080 8443 81 &
on server python3 tests/smoke/stacks.py echo :: 7007 &
on server python3 tests/smoke/stacks.py echo ::ffff:198.51.100.30 7008 &
client() { on client python3 tests/smoke/stacks.py "$@"; }
wait_until 10 client bulk 198.51.100.10 80 1
wait_until 10 client bulk 2001:db8:f::10 80 1

# ---- bulk both ways: the server must learn of the 1,280 bytes on the client's path
[ "$(client bulk 198.51.100.10 80 4000000)" = 10.9.0.2 ]
ip -n server route get 10.9.0.2 | found 'mtu 1280'
[ "$(client bulk 2001:db8:f::10 80 4000000)" = 2001:db8:c::2 ]
ip -n server route get 2001:db8:c::2 | found 'mtu 1280'

# ---- datagrams of 8 KB, in fragments both ways
client ask 198.51.100.10 7 8192
client ask 2001:db8:f::10 7 8192

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
client ask 198.51.100.30 7008 1000
client ask 198.51.100.30 7008 8192
