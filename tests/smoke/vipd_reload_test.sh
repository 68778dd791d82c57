#!/bin/bash
# A reload under traffic loses nothing; a configuration with mistakes is refused whole and the old one goes on; a
# restart finds twins, addresses and prefix route.
. "$(dirname "$0")/_init.sh"
. tests/smoke/_vipd.sh
vipd_world
on old-s python3 tests/smoke/peers.py names 1883 old-s &
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

echo "a line and a gateway more, in front of the others; the flows' line stays theirs"
cp "$dir/inventory.json" "$dir/inventory.before"
jq '.carriers += [{"name":"azure","vantage":{"host":"netns:client","source":"10.10.0.3"},"clients":["10.10.0.0/24"]}] |
    .sites[0].lines = [{"carrier":"azure","gateway":"old-gw","port":"red","address":"100.64.9.2/30","peer":"100.64.9.1","peer_asn":64509}] + .sites[0].lines |
    .sites[1].gateways = [(.sites[1].gateways[0] | .name = "new-gw2" | .tunnel.address = "10.99.0.6")] + .sites[1].gateways' \
    "$dir/inventory.before" >"$dir/inventory.json"
jq '.lines = [{"carrier":"azure","enabled":true}] + .lines' "$dir/old.json" >"$dir/more.json" && cp "$dir/more.json" "$dir/old.json"
ctl old reload
figure_is old '[.lines[] | [.carrier, .enabled]]' '[["red",true],["azure",true]]'
figure_is old '[.peers[] | [.gateway, .alive]]' '[["new-gw",true],["new-gw2",false]]'
wait_until 5 say
fails ctl old mask line azure 2>"$dir/refused"
found "no gateway has another line of azure" <"$dir/refused"
ctl old mask line azure --anyway
ctl old mask line azure # it is: nothing is lost by saying so
figure_is old '[.lines[] | .enabled]' '[true,false]'
cp "$dir/inventory.before" "$dir/inventory.json"
vipd_config old 10.1.0.2 true >"$dir/old.json"
fails ctl old reload 2>"$dir/refused"
grep -q 'the line of "azure" cannot go while vipd runs, expected a restart' "$dir/refused"
grep -q 'gateway "new-gw2" cannot go while vipd runs, expected a restart' "$dir/refused"

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
