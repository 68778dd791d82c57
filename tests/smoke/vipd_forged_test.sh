#!/bin/bash
# What somebody forges who knows a connection's ends, and at most one of its numbers, takes nothing from anybody: while
# the other site gets whatever is new, so that an entry that gave way would break its session.
. "$(dirname "$0")/_init.sh"
# shellcheck source=tests/smoke/_vipd.sh
. "$here/_vipd.sh"
vipd_world
on old-s python3 tests/smoke/peers.py names 1883 old-s &
on new-s python3 tests/smoke/peers.py names 1883 new-s &
wait_until 5 on client python3 tests/smoke/peers.py ask 198.51.100.10 1883 >/dev/null

count=200
mkfifo "$dir/crowd"
on client python3 tests/smoke/peers.py crowd 198.51.100.10 1883 $count <"$dir/crowd" >"$dir/said" &
exec 6>"$dir/crowd"
wait_until 20 grep -q ready "$dir/said"
asked() { echo ask >&6; wait_until 30 answered "$1"; tail -n 1 "$dir/said"; }
answered() { [ "$(grep -c '^{' "$dir/said")" = "$1" ]; }
told=0
numbers_told() { [ "$(grep -cx '\.' "$dir/said")" = $told ]; }
forge() {
    echo numbers >&6
    told=$((told + 1))
    wait_until 10 numbers_told
    grep '^[0-9]' "$dir/said" | tail -n $count >"$dir/numbers"
    on isp python3 tests/smoke/forge.py "$1" 198.51.100.10 1883 <"$dir/numbers"
}
asked 1 | tee /dev/stderr | jq -e --argjson n $count '. == {"old-s": $n}'
ctl old share 100
newcomer() { [ "$(on client python3 tests/smoke/peers.py ask 198.51.100.10 1883)" = new-s ]; }
wait_until 5 newcomer

echo "2,400 forged segments later all sessions go on where they were"
before=$(figure old .flows.closing)  # of the newcomer
forge blind
asked 2 | tee /dev/stderr | jq -e --argjson n $count '. == {"old-s": $n}'
figure_is old .flows.closing "$before"

echo "a client that resets at its next number is believed within a second"
closing_are() { [ "$(figure old .flows.closing)" -ge "$1" ]; }
forge exact
wait_until 1 closing_are $((before + count * 99 / 100))
