#!/bin/bash
# Two lines and the servers in VLANs of one port, two more lines untagged on another, told apart by their
# routers' MAC addresses; real traffic by each, and VLAN interfaces that go and come back.  On a kernel
# without 802.1Q interfaces: the untagged lines, and that tags pass between the wire and the twin.
#
#     trunk: VLAN 100 red 10.9.1.2, VLAN 200 green 10.9.2.2, VLAN 300 server 10.1.0.2
#     shared: blue 10.9.3.2 and gold 10.9.4.2, untagged
# shellcheck source=tests/smoke/_init.sh
. "$(dirname "$0")/_init.sh"

carriers="blue gold"
vlans=no
if ip link add dummy0 type dummy 2>/dev/null && ip link add link dummy0 name dummy0.1 type vlan id 1 2>/dev/null; then
    carriers="red green blue gold"
    vlans=yes
fi
echo "# VLAN interfaces in this kernel: $vlans"
number() { case $1 in red) echo 1 ;; green) echo 2 ;; blue) echo 3 ;; gold) echo 4 ;; esac; }
inventory() {
    local carrier n list="" lines=""
    for carrier in $carriers; do
        n=$(number "$carrier")
        list+=",{\"name\":\"$carrier\",\"vantage\":{\"host\":\"netns:$carrier\",\"source\":\"10.9.$n.2\"},\"clients\":[\"10.9.$n.0/24\"]}"
    done
    line() { # CARRIER PORT ADDRESS PEER
        lines+=",{\"carrier\":\"$1\",\"gateway\":\"old-gw\",\"port\":\"$2\",\"address\":\"$3\",\"peer\":\"$4\",\"peer_asn\":64501}"
    }
    if [ "$vlans" = yes ]; then
        line red 'trunk","vlan":100,"x":"' 100.64.1.2/30 100.64.1.1
        line green 'trunk","vlan":200,"x":"' 100.64.2.2/30 100.64.2.1
    fi
    line blue shared 100.64.3.2/29 100.64.3.3
    line gold shared 100.64.3.2/29 100.64.3.4
    lines=${lines//,\"x\":\"\"/}
    gateway() { # NAME TUNNEL
        echo '{"name":"'"$1"'","host":"netns:'"$1"'","tunnel":{"address":"'"$2"'","port":"link"},
          "vipd":{"config":"'"$dir/$1"'.json","socket":"'"$dir/$1"'.sock"},"bird":{"socket":"/x","announce":"/y"}}'
    }
    echo '{"schema":"rehome/inventory/1","move":{"from":"old","to":"new"},"prefixes":["198.51.100.0/24"],
      "sites":[{"name":"old","asn":64600,"networks":["10.1.0.0/16"],"gateways":['"$(gateway old-gw 10.99.0.1)"'],"lines":['"${lines#,}"']},
               {"name":"new","asn":64700,"networks":["172.20.0.0/16"],"gateways":['"$(gateway new-gw 10.99.0.2)"'],"lines":[
                 {"carrier":"blue","gateway":"new-gw","port":"blue","address":"100.64.13.2/30","peer":"100.64.13.1","peer_asn":64501}]}],
      "carriers":['"${list#,}"'],
      "services":[{"name":"meters","vip":"198.51.100.10","protocol":"tcp","port":1883,"servers":[
        {"name":"s1","weight":1,"old":{"address":"10.1.0.2"},"new":{"address":"172.20.0.2"}}]}],"logins":[]}'
}
config() {
    local carrier lines="" server_vlans=""
    [ "$vlans" = no ] || server_vlans=',"server_vlans":[300]'
    for carrier in $carriers; do lines+=",{\"carrier\":\"$carrier\",\"enabled\":true}"; done
    service() {
        echo '{"name":"'"$1"'","vip":"198.51.100.10","protocol":"'"$2"'","port":'"$3"',"forward":"nat",
               "servers":[{"name":"s1","address":"10.1.0.2","port":'"$3"'}]}'
    }
    echo '{"schema":"rehome/vipd/1","inventory":"inventory.json","gateway":"old-gw","control":"'"$dir"'/old-gw.sock",
      "memory":{"mib":128,"hugepages":false},
      "ports":[{"name":"trunk","device":"af_xdp:trunk0"'"$server_vlans"'},
               {"name":"shared","device":"'"$1"':shared0"},{"name":"link","device":"null:"}],
      "lines":['"${lines#,}"'],"services":['"$(service meters tcp 1883)"','"$(service logs udp 514)"']}'
}
ctl() { vipctl "$@" --socket "$dir/old-gw.sock"; }
line_figure() { ctl status --json | jq ".lines[] | select(.carrier == \"$1\") | .$2"; }

# The far ends live in the hub, each in a namespace of its own, as VLANs and as MAC addresses of one wire.
ns old-gw hub server
veth old-gw trunk0 hub trunk
veth old-gw shared0 hub shared
for carrier in $carriers; do
    n=$(number "$carrier")
    ns "$carrier"
    case $carrier in
        red | green) ip -n hub link add link trunk name "$carrier" type vlan id "${n}00"; address=100.64.$n.1/30 via=100.64.$n.2 ;;
        *) ip -n hub link add link shared name "$carrier" type macvlan mode bridge; address=100.64.3.$n/29 via=100.64.3.2 ;;
    esac
    ip -n hub link set "$carrier" netns "$carrier"
    ip -n "$carrier" link set "$carrier" up
    ip -n "$carrier" address add "$address" dev "$carrier"
    ip -n "$carrier" address add "10.9.$n.2/32" dev lo
    ip -n "$carrier" route add default via "$via" src "10.9.$n.2"
done
if [ "$vlans" = yes ]; then
    ip -n hub link add link trunk name servers type vlan id 300
else
    ip -n hub link add link trunk name servers type macvlan mode bridge
fi
ip -n hub link set servers netns server
ip -n server link set servers up
ip -n server address add 10.1.0.2/24 dev servers
ip -n server route add default via 10.1.0.1

inventory >"$dir/inventory.json"
start() { # af_xdp|af_packet: the driver of the shared port
    config "$1" >"$dir/old-gw.json"
    on old-gw vipd run --config "$dir/old-gw.json" >"$dir/log" 2>&1 &
    wait_until 20 grep -q ready "$dir/log" || { cat "$dir/log"; return 1; }
}
add_vlan() { # ID ADDRESS
    ip -n old-gw link add link trunk name "trunk.$1" type vlan id "$1"
    ip -n old-gw link set "trunk.$1" up
    ip -n old-gw address add "$2" dev "trunk.$1"
}
start af_xdp
if [ "$vlans" = yes ]; then
    add_vlan 100 100.64.1.2/30
    add_vlan 200 100.64.2.2/30
    add_vlan 300 10.1.0.1/24
else
    ip -n old-gw address add 10.1.0.1/24 dev trunk
fi
ip -n old-gw address add 100.64.3.2/29 dev shared
for carrier in $carriers; do
    n=$(number "$carrier")
    [ "$n" -gt 2 ] && router=100.64.3.$n || router=100.64.$n.1
    ip -n old-gw route add "10.9.$n.0/24" via "$router"
done

on server python3 tests/smoke/peers.py names 1883 server &
on server python3 -c '
import socket
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.bind(("0.0.0.0", 514))
while True:
    said, who = udp.recvfrom(65535)
    udp.sendto(said, who)' &
say() { on "$1" timeout 10 python3 tests/smoke/peers.py ask 198.51.100.10 1883; }
echo_udp() { # CARRIER BYTES
    on "$1" python3 -c '
import os, socket, sys
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.settimeout(3)
said = os.urandom(int(sys.argv[1]))
udp.sendto(said, ("198.51.100.10", 514))
assert udp.recv(65535) == said' "$2"
}
all_lines() {
    local carrier before
    for carrier in $carriers; do
        wait_until 10 say "$carrier"
        before=$(line_figure "$carrier" tx_vip_packets)
        [ "$(say "$carrier")" = server ]
        wait_until 3 echo_udp "$carrier" 1400
        wait_until 3 echo_udp "$carrier" 8000 # fragments
        [ "$(line_figure "$carrier" tx_vip_packets)" -ge $((before + 10)) ]
        [ "$(ctl flows --json --client "10.9.$(number "$carrier").2" | jq -r '[.flows[].way_back] | unique[]')" = "line $carrier" ]
    done
}

echo "# tags pass both ways between the wire and the twin"
tagged() { # NS IF: sends a frame of VLAN 77, of a protocol of nobody's
    on "$1" python3 -c '
import socket, sys
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
wire.bind((sys.argv[1], 0))
wire.send(b"\xff" * 6 + bytes.fromhex("020000000077" "8100" "604d" "88b5") + b"vlan" * 12)' "$2"
}
tag_passes() { # FROM_NS FROM_IF TO_NS TO_IF
    rm -f "$dir/tcpdump"
    timeout 10 ip netns exec "$3" tcpdump -c 1 -n -e -i "$4" ether src 02:00:00:00:00:77 >"$dir/tag" 2>"$dir/tcpdump" &
    local dump=$!
    wait_until 3 grep -q listening "$dir/tcpdump"
    tagged "$1" "$2"
    wait "$dump"
    grep -q 'vlan 77, p 3, ethertype Unknown (0x88b5)' "$dir/tag"
}
both_ways() { # PORT
    tag_passes hub "$1" old-gw "$1"
    tag_passes old-gw "$1" hub "$1"
}
both_ways trunk
both_ways shared
[ "$(ip netns exec old-gw ethtool -k trunk0 | grep -c '^rx-vlan-offload: off')" = 1 ]

echo "# each client by its own line, TCP, UDP and fragments"
all_lines
[ "$(ctl stats --json | jq .drops.bad_source)" = 0 ]

first=${carriers%% *}
echo "# bulk: whole packets keep within the MTU, with their tag"
on server python3 -m http.server -d "$dir" 1884 >/dev/null 2>&1 &
head -c 3000000 /dev/urandom >"$dir/bulk"
jq '.services += [.services[0] | .name = "files" | .port = 1884 | .servers[0].port = 1884]' "$dir/old-gw.json" >"$dir/more"
mv "$dir/more" "$dir/old-gw.json"
ctl reload
wait_until 20 on "$first" curl -sf -m 5 -o "$dir/got" http://198.51.100.10:1884/bulk
cmp "$dir/bulk" "$dir/got"
[ "$(ctl stats --json | jq .drops.too_big)" = 0 ]

if [ "$vlans" = yes ]; then
    echo "# the kernel's own traffic, and its neighbours, on the VLAN interfaces"
    on red ping -q -c 2 -w 2 -I 100.64.1.1 100.64.1.2
    on server ping -q -c 2 -w 2 10.1.0.1
    [ -n "$(ip -n old-gw -j neighbour show dev trunk.300 10.1.0.2 | jq -r '.[].lladdr')" ]
    [ "$(ip -n old-gw -j neighbour show dev trunk | jq length)" = 0 ]

    echo "# a VLAN without a role is the kernel's"
    ns guest
    ip -n hub link add link trunk name guest type vlan id 400
    ip -n hub link set guest netns guest
    ip -n guest link set guest up
    ip -n guest address add 10.40.0.2/24 dev guest
    ip -n guest route add default via 10.40.0.1
    add_vlan 400 10.40.0.1/24
    on guest ping -q -c 1 -w 2 10.40.0.1
    fails on guest ping -q -c 1 -w 1 198.51.100.10

    echo "# a VLAN interface goes and comes back while vipd runs"
    ip -n old-gw link delete trunk.300
    wait_until 5 fails say red
    add_vlan 300 10.1.0.1/24
    wait_until 5 say red
    all_lines
fi

echo "# the same by AF_PACKET on the untagged port, over a restart"
pid=$(pgrep -f "^vipd run --config $dir/old-gw.json")
kill "$pid"
wait_until 5 fails pgrep -f "^vipd run --config $dir/old-gw.json"
start af_packet
both_ways shared
for carrier in $carriers; do
    wait_until 10 say "$carrier"
    wait_until 3 echo_udp "$carrier" 1400
done
[ "$(line_figure blue tx_vip_packets)" -gt 0 ]
[ "$(line_figure gold tx_vip_packets)" -gt 0 ]
