#!/bin/bash
# A reload under traffic loses nothing; a configuration with mistakes is refused whole and the old one goes on; a
# restart finds twins, addresses and prefix route.
. "$(dirname "$0")/_init.sh"
. tests/smoke/_vipd.sh
vipd_world
on old-s python3 tests/smoke/lines.py serve 1883 old-s &
say() { on client python3 tests/smoke/lines.py ask 198.51.100.10 1883; }
wait_until 5 say

echo "20 reloads while 400 packets are answered"
on client ping -i 0.01 -c 400 -w 20 -q 198.51.100.10 >"$dir/ping" &
ping=$!
for port in $(seq 2001 2020); do
    jq ".services += [.services[0] | .name = \"more\" | .port = $port]" "$dir/old.json" >"$dir/more.json"
    cp "$dir/more.json" "$dir/old.json.new" && mv "$dir/old.json.new" "$dir/old.json"
    ctl old reload
    vipd_config old 10.1.0.2 true >"$dir/old.json"
done
wait "$ping"
grep -q "400 packets transmitted, 400 received" "$dir/ping"

echo "mistakes are all told, nothing is applied"
jq '.services[0].vip = "192.0.2.1" | .services[0].servers[0].weight = -1 | .typo = 1' "$dir/old.json" >"$dir/bad.json"
cp "$dir/bad.json" "$dir/old.json"
fails ctl old reload 2>"$dir/refused"
cat "$dir/refused"
grep -q /services/0/servers/0/weight "$dir/refused"
grep -q /typo "$dir/refused"
[ "$(say)" = old-s ]
vipd_config old 10.1.0.2 true >"$dir/old.json"

echo "a restart"
fails on old-gw vipd run --config "$dir/old.json" # a second one on the same devices
[ "$(say)" = old-s ]
old_pid=$(pgrep -f "^vipd run --config $dir/old.json")
kill -KILL "$old_pid"
wait_until 5 fails pgrep -f "^vipd run --config $dir/old.json"
start_gateway old
[ "$(ip -n old-gw -j route show 198.51.100.0/24 proto 201 | jq length)" = 1 ]
wait_until 10 say
