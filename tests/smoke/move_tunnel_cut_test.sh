#!/bin/bash
# The tunnel is cut in mid-relay: what the old site serves goes on, new clients are served there, and relayed
# ones log in again there.
. "$(dirname "$0")/_init.sh"
. tests/smoke/_vipd.sh
vipd_world
name_servers 1883
hold() { # NAME: a connection that is asked by a line to $dir/NAME.in
    mkfifo "$dir/$1.in"
    on client python3 tests/smoke/peers.py hold 198.51.100.10 1883 <"$dir/$1.in" >>"$dir/$1.out" &
}
answered() { # NAME ANSWER
    : >"$dir/$1.out"
    echo ask >"$dir/$1.in"
    wait_until 5 grep -q . "$dir/$1.out"
    grep -qx "$2" "$dir/$1.out"
}
wait_until 5 say
hold here
exec 7>"$dir/here.in"
answered here old-s
ctl old share 100
hold relayed
exec 8>"$dir/relayed.in"
answered relayed new-s

echo "the link fails: within a second the peer is known to be down"
ip -n old-gw link set link0 down
wait_until 2 figure_is old '.peers[0].alive' false
answered here old-s
[ "$(say)" = old-s ]

echo "after three seconds the relayed flow's client is told"
wait_until 5 answered relayed reset

echo "the link is back: new clients are relayed again"
ip -n old-gw link set link0 up
wait_until 5 figure_is old '.peers[0].alive' true
[ "$(say)" = new-s ]
answered here old-s
