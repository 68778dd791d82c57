#!/bin/bash
# The link between the sites carries 1,500 bytes and not the tunnel's besides, and says nothing of it: small packets
# live, full ones are lost.  Both gateways find out what passes; who is at the other site goes on with smaller packets,
# and nobody new is sent there until the link is whole again.
. "$(dirname "$0")/_init.sh"
# shellcheck source=tests/smoke/_crowd.sh
. "$here/_crowd.sh"
vipd_link=wan_link
export vipd_change='.workers = 2'
vipd_world
name_servers 1883
both() { figure_is old ".peers[0].$1" "$2" && figure_is new ".peers[0].$1" "$2"; }
wait_until 5 both link_mtu 1540
both narrow false
ctl old share 100
wait_until 5 served_by new-s

crowd 30
all_at new-s fill

echo "full packets are lost from now on: what is under way goes on with smaller ones"
link_carries 1500
all_at new-s fill
wait_until 5 both narrow true
both link_mtu 1500
both alive true
ctl old status | found 'new-gw .*NARROW (1500 bytes there, 1500 back)'
ctl old stats | found 'too_big'
ctl old metrics | found 'rehome_vipd_peer_link_narrow{gateway="new-gw"} 1'
[ "$(grep -c 'the link to gateway new-gw is narrow (' "$dir/old.log")" = 1 ]

echo "nobody new is sent there; who is there stays"
served_by old-s
all_at new-s

echo "the link is whole again"
link_carries 1600
wait_until 5 both narrow false
found 'the link to gateway new-gw is narrow no more' <"$dir/old.log"
wait_until 5 served_by new-s
all_at new-s fill
