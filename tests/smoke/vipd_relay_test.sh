#!/bin/bash
# A connection lives through the whole move: relay, the carrier's change of site, the old line disabled.
. "$(dirname "$0")/_init.sh"
. tests/smoke/_vipd.sh
vipd_world

name_servers 1883
wait_until 5 say
[ "$(say)" = old-s ]
ping() { on client ping -c 1 -w 1 198.51.100.10; }
ping

# One connection is held open over everything that follows.
mkfifo "$dir/hold"
on client python3 tests/smoke/peers.py hold 198.51.100.10 1883 <"$dir/hold" >>"$dir/held" &
exec 7>"$dir/hold"
held() { # EXPECTED: the held connection is still answered by that server
    echo ask >&7
    wait_until 3 grep -q . "$dir/held"
    [ "$(cat "$dir/held")" = "$1" ]
    : >"$dir/held"
}
held old-s

echo "relay: new clients are served by the new site, the held one stays"
ctl old share 100
[ "$(say)" = new-s ]
held old-s
figure_is old .disabled '[]'
figure_is old '.served' '{"tcp":1,"udp":0}'

echo "the carrier delivers to the new site, whose line may not answer yet"
deliver_to new
held old-s
[ "$(say)" = new-s ]

echo "the new line is enabled, the old one disabled"
ctl new enable line red
ctl old mask line red
before=$(figure old '.lines[0].tx_vip_packets')
held old-s
[ "$(say)" = new-s ]
[ "$(figure old '.lines[0].tx_vip_packets')" = "$before" ]

echo "paced re-login: the held connection is reset, and logged"
figure_is old '.served.tcp' 1
ctl old weak site old --here --rate 100 --wait
figure_is old '.served.tcp' 0
echo ask >&7
wait_until 3 grep -q reset "$dir/held"
grep -q '"vip":"198.51.100.10:1883"' "$dir/old.resets"
wait_until 5 figure_is old '.flows.here' 0
ctl old stats
