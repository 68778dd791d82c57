#!/bin/bash
# Two gateways at one site, and no other site: they are peers of each other, and nothing moves.
#
#     client 10.9.0.2 -- isp -- gw1, gw2 -- lan -- server 10.1.0.11; gw1 -- link -- gw2; the VIP is 198.51.100.10:1883
# shellcheck source=tests/smoke/_init.sh
. "$(dirname "$0")/_init.sh"
# shellcheck source=tests/smoke/_crowd.sh
. "$here/_crowd.sh"

cat >"$dir/inventory.json" <<'END'
{"schema": "rehome/inventory/1", "prefixes": ["198.51.100.0/24"], "carriers": [{"name": "isp"}],
 "sites": [{"name": "home", "networks": ["10.1.0.0/24"],
   "gateways": [{"name": "gw1", "tunnel": {"address": "10.99.0.1", "port": "link"}},
                {"name": "gw2", "tunnel": {"address": "10.99.0.2", "port": "link"}}],
   "lines": [{"carrier": "isp", "gateway": "gw1", "port": "isp", "address": "100.64.1.2/30", "peer": "100.64.1.1"},
             {"carrier": "isp", "gateway": "gw2", "port": "isp", "address": "100.64.2.2/30", "peer": "100.64.2.1"}]}]}
END
# What the inventory does not know, where nothing moves: the service, and how vipd is to run here.
service='{"name": "names", "vip": "198.51.100.10", "protocol": "tcp", "port": 1883, "forward": "nat",
    "servers": [{"name": "s1", "address": "10.1.0.11", "port": 1883}]}'
config() { # gw1|gw2
    vipd init --gateway "$1" --inventory "$dir/inventory.json" --port lan=af_xdp:lan0 |
        jq --argjson service "$service" --arg control "$dir/$1.sock" \
            '.control = $control | .memory.mib = 128 | .services = [$service]'
}

ns client isp gw1 gw2 lan server
veth client c0 isp c0
ip -n lan link add br0 type bridge
ip -n lan link set br0 up
for i in 1 2; do
    veth isp gw$i gw$i isp0
    veth gw$i lan0 lan gw$i
    ip -n lan link set gw$i master br0
    ip -n isp address add 100.64.$i.1/30 dev gw$i
done
veth gw1 link0 gw2 link0 1600
veth server eth0 lan server
ip -n lan link set server master br0
ip -n client address add 10.9.0.2/24 dev c0
ip -n client route add default via 10.9.0.1
ip -n isp address add 10.9.0.1/24 dev c0
ip netns exec isp sysctl -qw net.ipv4.ip_forward=1
ip -n server address add 10.1.0.11/24 dev eth0
ip -n server route add default via 10.1.0.1
on server python3 tests/smoke/peers.py names 1883 server &
for i in 1 2; do
    config gw$i >"$dir/gw$i.json"
    vipd check --config "$dir/gw$i.json"
    on gw$i vipd run --config "$dir/gw$i.json" >"$dir/gw$i.log" 2>&1 &
done
for i in 1 2; do
    wait_until 20 grep ready "$dir/gw$i.log"
    ip -n gw$i address add 100.64.$i.2/30 dev isp
    ip -n gw$i address add 10.1.0.$i/24 dev lan
    ip -n gw$i address add 10.99.0.$i/30 dev link
    ip -n gw$i route add 10.9.0.0/24 via 100.64.$i.1
done
deliver() { ip -n isp route replace 198.51.100.0/24 via "100.64.$1.2"; }
count() { ctl "$1" stats --json | jq "$2"; }
alive() { for i in 1 2; do figure_is gw$i '.peers[0].alive' true; done; }
deliver 1
wait_until 5 alive
wait_until 5 served_by server
# There is no share without another site; a crowd is served by gw1, whose address the server answers to.
code=0; ctl gw1 share 10 2>"$dir/refused" || code=$?
[ $code = 1 ] && found 'no gateway of another site' <"$dir/refused"
crowd 60
all_at server
[ "$(figure gw1 .flows.here)" -ge 60 ]

echo "# the route moves to gw2: it asks gw1 about some, serves others by itself, and none is lost"
deliver 2
all_at server
all_at server
[ "$(count gw2 .sent.questions)" -gt 0 ]
[ "$(count gw2 .flows.here)" -gt 0 ]
[ "$(count gw2 .sent.resets)" = 0 ]
deliver 1
all_at server
close_crowd

echo "# gw1 dies with its host, and the site's addresses go to gw2, as by VRRP: whoever is new is served"
kill -KILL "$(pgrep -f "^vipd run --config $dir/gw1.json")"
deliver 2
for device in isp0 lan0 link0; do ip -n gw1 link set $device down; done
ip -n gw2 address add 10.1.0.1/24 dev lan
ip -n server neighbour flush all
wait_until 5 figure_is gw2 '.peers[0].alive' false
wait_until 5 served_by server
figure_is gw2 '[.prefixes[].announced, .orders.confirmed]' '[true,true]'
