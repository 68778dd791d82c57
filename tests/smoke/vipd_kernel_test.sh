#!/bin/bash
# What vipd takes from the kernel stays right: neighbours that the operator has set, the first packets to
# them, and routes after notifications were lost.
# shellcheck source=tests/smoke/_init.sh
. "$(dirname "$0")/_init.sh"
# shellcheck source=tests/smoke/_vipd.sh
. "$here/_vipd.sh"
vipd_world
drops() { ctl old stats --json | jq ".drops.$1"; }
server_of() { # SERVICE PORT ADDRESS: one service more, over UDP
    jq ".services += [{name:\"$1\",vip:\"198.51.100.10\",protocol:\"udp\",port:$2,forward:\"nat\",
        servers:[{name:\"s\",address:\"$3\",port:$2}]}]" "$dir/old.json" >"$dir/more.json"
    mv "$dir/more.json" "$dir/old.json"
    ctl old reload
}
burst() { # PORT: 300 packets of 300 flows at once
    on client python3 -c '
import socket, sys
all = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(300)]
for one in all:
    one.sendto(b"x", ("198.51.100.10", int(sys.argv[1])))' "$1"
}
permanent() { [ "$(ip -n old-gw -j neighbour show dev servers nud permanent | jq -r ".[] | select(.dst == \"$1\") | .lladdr")" = "$2" ]; }

# The carrier's router knows the gateway: while it asks, it keeps some 250 packets and no more.
knows_gateway() { on client ping -c 1 -W 1 100.64.1.2 >"$dir/ping"; }
wait_until 5 knows_gateway

echo "# the first packets to a permanent neighbour: none is dropped for want of it"
mac=$(ip -n old-s -j link show eth0 | jq -r '.[0].address')
ip -n old-gw neighbour replace 10.1.0.70 lladdr "$mac" dev servers nud permanent
sleep 0.5
server_of first 2000 10.1.0.70
before=$(drops no_neighbour)
burst 2000
flows_are() { [ "$(ctl old flows --vip 198.51.100.10:2000 --count)" = "$1" ]; }
wait_until 5 flows_are 300
[ "$(drops no_neighbour)" = "$before" ]
sleep 1.5 # what were held would be dropped by now
[ "$(drops no_neighbour)" = "$before" ]
permanent 10.1.0.70 "$mac"

echo "# a neighbour that is asked for all the time, and set by the operator meanwhile, stays set"
server_of late 2001 10.1.0.71
while sleep 0.05; do burst 2001; done &
bursts=$!
asked() { [ "$(drops no_neighbour)" -gt "$before" ]; }
wait_until 20 asked
pid=$(pgrep -f "^vipd run --config $dir/old.json")
for k in 1 2 3; do
    # vipd asks for it again before it has read so far.
    kill -STOP "$pid"
    for j in $(seq 0 249); do printf 'route add 10.200.%s.%s via 10.1.0.2\nroute del 10.200.%s.%s via 10.1.0.2\n' "$k" "$j" "$k" "$j"; done |
        ip -n old-gw -batch -
    ip -n old-gw neighbour replace 10.1.0.71 lladdr "$mac" dev servers nud permanent
    sleep 0.5
    kill -CONT "$pid"
    sleep 1
    permanent 10.1.0.71 "$mac"
    ip -n old-gw neighbour delete 10.1.0.71 dev servers
    sleep 0.5
done
kill "$bursts"

echo "# routes are right after notifications were lost"
server_of far 2002 10.77.0.2
why_says() { # WORDS; a drop is exit 1
    ctl old why "udp 10.9.0.2:4000 > 198.51.100.10:2002 len 10" >"$dir/why" || true
    grep -q "$1" "$dir/why"
}
why_says no_route
kill -STOP "$pid"
ip -n old-gw route add 10.77.0.0/24 via 10.1.0.2
for k in $(seq 120); do
    for j in $(seq 0 249); do echo "route add 10.200.$k.$j via 10.1.0.2"; done
done >"$dir/add"
sed 's/add/del/' "$dir/add" >"$dir/del"
for _ in 1 2; do
    ip -n old-gw -batch "$dir/add"
    ip -n old-gw -batch "$dir/del"
done
ip -n old-gw route del 10.77.0.0/24
kill -CONT "$pid"
wait_until 5 ctl old status
sleep 2
why_says no_route
ip -n old-gw route add 10.77.0.0/24 via 10.1.0.2
wait_until 5 why_says ' by servers to 10.1.0.2'

echo "# a route that flaps is followed to where it ends, though not each change is taken over alone"
at_last() { # add|del WORDS: after 200 changes, that one the last
    for k in $(seq 100); do printf 'route del 10.77.0.0/24 via 10.1.0.2\nroute add 10.77.0.0/24 via 10.1.0.2\n'; done >"$dir/flaps"
    [ "$1" = add ] || echo 'route del 10.77.0.0/24 via 10.1.0.2' >>"$dir/flaps"
    ip -n old-gw -batch "$dir/flaps"
    wait_until 1 why_says "$2"
}
at_last add ' by servers to 10.1.0.2'
at_last del no_route
