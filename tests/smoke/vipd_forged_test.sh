#!/bin/bash
# What somebody forges who knows a connection's ends, and at most one of its numbers, takes nothing from anybody: while
# the other site gets whatever is new, so that an entry that gave way would break its session.
. "$(dirname "$0")/_init.sh"
# shellcheck source=tests/smoke/_crowd.sh
. "$here/_crowd.sh"
vipd_world
name_servers 1883
wait_until 5 say >/dev/null

count=200
crowd $count
forge() {
    numbers >"$dir/numbers"
    on isp python3 tests/smoke/forge.py "$1" 198.51.100.10 1883 <"$dir/numbers"
}
all_at old-s
ctl old share 100
wait_until 5 served_by new-s

echo "2,400 forged segments later all sessions go on where they were"
before=$(figure old .flows.closing)  # of the newcomer
forge blind
all_at old-s
figure_is old .flows.closing "$before"

echo "a client that resets at its next number is believed within a second"
closing_are() { [ "$(figure old .flows.closing)" -ge "$1" ]; }
forge exact
wait_until 1 closing_are $((before + count * 99 / 100))
