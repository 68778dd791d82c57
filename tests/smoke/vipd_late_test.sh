#!/bin/bash
# One of two workers stands still: its gateway says who is late, confirms nothing to its peer meanwhile, and has it act
# on the newest when it comes.
. "$(dirname "$0")/_init.sh"
# shellcheck source=tests/smoke/_vipd.sh
. "$here/_vipd.sh"
export vipd_change='.workers = 2'
vipd_world

# Stops worker 1, which has the servers' port, and no other thread; it goes on when its input ends.
mkfifo "$dir/still"
new_pid=$(pgrep -f "^vipd run --config $dir/new.json")
python3 tests/smoke/stand_still.py "$new_pid" vipd-1 <"$dir/still" >"$dir/stands" &
exec 7>"$dir/still"
wait_until 5 grep -q still "$dir/stands"

echo "an order is in force at one, and the answer says who is late"
code=0
ctl new share 10 --json >"$dir/answer" 2>"$dir/said" || code=$?
[ "$code" = 3 ]
jq -e '.percent == 10 and .late == [1] and .not_stored == null' "$dir/answer"
found "worker 1 is late" <"$dir/said"

echo "status says who stands still; what it alone could tell is unknown, the rest is told"
silent() { figure new '.workers[1].answers' | grep -qx false; }
wait_until 5 silent
figure_is new .flows null
figure_is new .served null
figure_is new '.lines[0].rx_vip_packets' null
figure_is new .share.percent 10
figure_is new '.workers[0].answers' true
ctl new status | found "worker 1 is at [0-9]* and DOES NOT ANSWER"

echo "on the word of the other the peer disables no line"
fails ctl old mask line red --anyway 2>"$dir/refused"
found "has not confirmed" <"$dir/refused"
figure_is old '.lines[0].enabled' true

echo "who waits for that is told when the line is enabled again meanwhile"
{ ctl old mask line red --anyway 2>"$dir/countermanded" || true; } &
waits=$!
drains() { figure_is old '.lines[0].state' '"draining"'; }
wait_until 2 drains
ctl old enable line red
wait $waits
found "enabled again meanwhile" <"$dir/countermanded"

echo "many orders later it comes, and acts on the newest"
for percent in 20 30; do ctl new share $percent || [ $? = 3 ]; done
exec 7>&-
acts() { figure new '[.workers[].epoch] == [.epoch, .epoch]' | grep -qx true; }
wait_until 5 acts
figure_is new .share.percent 30
ctl new share 40 --json | jq -e '.late == []'
ctl old mask line red --anyway
figure_is old '.lines[0].enabled' false
