#!/bin/bash
# The gateway that serves relayed clients is lost: those who say nothing are told, too, and log in where somebody lives.
. "$(dirname "$0")/_init.sh"
# shellcheck source=tests/smoke/_vipd.sh
. "$here/_vipd.sh"
# shellcheck disable=SC2034 # read by _vipd.sh
vipd_change='.flows.idle_reset_s = 5'
vipd_world
for server in old-s new-s; do on "$server" python3 tests/smoke/peers.py echo 1883 & done
listens() { on "$1" ss -Hltn 'sport = :1883' | found 1883; }
for server in old-s new-s; do wait_until 5 listens "$server"; done
ctl old share 100
on client python3 tests/smoke/peers.py many 198.51.100.10 1883 45 >"$dir/fates" &
wait_until 20 grep -q ready "$dir/fates"
figure_is old '[.flows.relayed, .idle_reset.reset, .idle_reset.peers]' '[90,0,[]]'
stop_gateway new KILL
ended() { grep -q idle "$dir/fates"; }
wait_until 15 ended
tail -n 1 "$dir/fates" | jq -e '.idle == {reset: 45} and .busy == {reset: 45}'
figure_is old '.idle_reset | [.after_s, .peers, .reset >= 45]' '[5,["new-gw"],true]'
ctl old status | found "new-gw is lost for over 5 s"
fits --lines vipd-resets <"$dir/old.resets"
[ "$(jq -s 'map(select(.peer == "new-gw" and .protocol == "tcp")) | length' <"$dir/old.resets")" -ge 45 ]
echo "and they are served"
on client python3 tests/smoke/peers.py many 198.51.100.10 1883 5 >"$dir/again" &
wait_until 10 grep -q ready "$dir/again"
