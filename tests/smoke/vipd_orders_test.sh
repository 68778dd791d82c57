#!/bin/bash
# The operator's orders outlive reloads, restarts and crashes, and hold only where they still should: not for another
# move, not unread, and after a long absence not without somebody's word.
. "$(dirname "$0")/_init.sh"
# shellcheck source=tests/smoke/_vipd.sh
. "$here/_vipd.sh"
vipd_world

orders=/var/lib/rehome # below which the files of orders are, as the control sockets are below /run/rehome
announced() { [ "$(ip -n "$1-gw" -j route show 198.51.100.0/24 proto 201 | jq length)" = 1 ]; }
restart() { # old|new SIGNAL
    stop_gateway "$1" "$2"
    start_gateway "$1"
}
# As vipd left it, but for that.
rewrite() { # old|new FILTER
    jq "$2" "$orders/$1.orders.json" >"$dir/rewritten" && cp "$dir/rewritten" "$orders/$1.orders.json"
}

echo "a line that was enabled, and a share, over a reload, a crash and a stop"
figure_is new '.lines[0].enabled' false
ctl new enable line red
ctl old share 12.34 --by address-port
ctl new reload
figure_is new '.lines[0].enabled' true
restart new KILL
restart old KILL
figure_is new '.lines[0].enabled' true
figure_is old .share '{"by":"address-port","percent":12.34}'
wait_until 5 figure_is new '.peers[0].alive' true
wait_until 5 figure_is old '.peers[0].alive' true
wait_until 5 ctl new mask line red # once the other one says that it has one
restart new TERM
figure_is new '.lines[0].enabled' false
[ "$(jq -c '.disabled | map([.level, .name, .mode, .uid])' $orders/new.orders.json)" = '[["line","red","mask",0]]' ]

# What the log says of it: a line each, with the time, by whom, and what was before.  It began anew with each start.
said() { sed -n 's/^20[0-9-]*T[0-9:.]*Z vipd: //p' "$dir/$1.log" | found -xF "$2"; }
ctl old share 0.5
ctl old share 12.34 --by address-port
said old 'share: by address-port, percent 12.34 -> by address, percent 0.5, ordered by uid 0'
said old 'share: by address, percent 0.5 -> by address-port, percent 12.34, ordered by uid 0'
[ "$(grep -c ' vipd: share: ' "$dir/old.log")" = 2 ]
[ "$(grep -c ' vipd: peer new-gw: .* -> alive' "$dir/old.log")" -ge 1 ]

fits vipd-orders <$orders/old.orders.json
fits vipd-orders <$orders/new.orders.json

ctl old config --origins --json >"$dir/origins"
fits vipd-origins <"$dir/origins"
jq -e '[.settings[] | select(.from == "order") | [.setting, .uid]] == [["share", 0]]' "$dir/origins"
ctl old config --origins | found "^share .*12.34 %.*order of uid 0 at "
ctl old config --origins | found "^lines/red *enabled *file"
ctl old config --origins | found "^workers *1 *default"

echo "the file gives the first state alone"
vipd_config new 172.20.0.2 true >"$dir/new.json"
ctl new reload
restart new KILL
figure_is new '.lines[0].enabled' false
ctl new config --json | jq -e '.lines[0].enabled == false'

echo "a full disk: in force, not stored, and said; stored once there is room"
mkdir "$dir/small"
mount -t tmpfs -o size=8k tmpfs "$dir/small"
stop_gateway old TERM
jq --arg path "$dir/small/orders.json" '.orders = {"path": $path, "absence_s": 900}' "$dir/old.json" >"$dir/moved"
cp $orders/old.orders.json "$dir/small/orders.json"
cp "$dir/moved" "$dir/old.json"
start_gateway old
figure_is old .share.percent 12.34
fails dd if=/dev/zero of="$dir/small/fill" bs=1k 2>/dev/null
code=0
ctl old share 20 --json >"$dir/answer" 2>"$dir/said" || code=$?
[ "$code" = 3 ]
jq -e '.percent == 20 and (.not_stored | contains("No space left")) and .late == []' "$dir/answer"
found "in force, not stored" <"$dir/said"
figure_is old .share.percent 20
ctl old status | found "NOT STORED"
found "not stored" <"$dir/old.log"
rm "$dir/small/fill"
wait_until 5 figure_is old .orders.not_stored null
restart old KILL
figure_is old .share.percent 20
vipd_config old 10.1.0.2 true >"$dir/old.json"
restart old TERM
figure_is old .share.percent 12.34 # what stands in the other file

echo "orders that cannot be read: kept aside and said, vipd starts"
stop_gateway old TERM
echo '{"schema":' >$orders/old.orders.json
start_gateway old
figure_is old .share.percent 0
figure_is old '.lines[0].enabled' true
found "do not hold: they cannot be read" <"$dir/old.log"
kept=$(figure old .orders.kept_at | jq -r .)
[ "$(cat "$kept")" = '{"schema":' ]
ctl old status | found "DO NOT HOLD"
announced old
ctl old share 30
restart old KILL
figure_is old .share.percent 30
figure_is old .orders.set_aside null

echo "orders of another move do not hold"
stop_gateway new TERM
rewrite new '.move.name = "spring" | .move.id = "0123456789abcdef"'
start_gateway new
figure_is new '.lines[0].enabled' true # as the file says
figure new .orders.set_aside | found "another move, spring (old to new)"

echo "flows that are being ended when it crashes are ended when they are met again"
on old-s python3 tests/smoke/peers.py names 1883 old-s &
ctl old share 0
wait_until 5 on client python3 tests/smoke/peers.py ask 198.51.100.10 1883
mkfifo "$dir/crowd"
on client python3 tests/smoke/peers.py crowd 198.51.100.10 1883 3 <"$dir/crowd" >"$dir/said" &
exec 7>"$dir/crowd"
says() { echo at-once >&7 && [ "$(tail -n 1 "$dir/said" | jq -c .)" = "$1" ]; }
wait_until 10 says '{"old-s":3}'
ctl old weak site old --here --rate 0.001 --anyway
fits vipd-orders <$orders/old.orders.json
ctl old status --json | fits vipd-status
figure_is old '.disabled[0].course' '"running"'
restart old KILL
figure_is old '.disabled[0].course' '"running"'
found "site old is disabled (weak), and ends flows again" <"$dir/old.log"
ctl old weak site old --here --rate 100 --quiet-s 1 --anyway
wait_until 10 says '{"reset":3}'
wait_until 5 figure_is old '.disabled[0].course' '"done"'
restart old KILL
figure_is old '.disabled[0].course' '"done"'
ctl old enable site old --here
figure_is old .disabled '[]'

echo "the file of a version before, by which a line was disabled and a re-login ran"
stop_gateway old TERM
rewrite old '.lines = [{"carrier": "red", "enabled": false, "at": .alive_at, "uid": 0}] | del(.disabled) |
    .relogin = {"rate": 5, "course": "running", "at": .alive_at, "uid": 0}'
start_gateway old
figure_is old .orders.set_aside null
figure_is old '[.disabled[] | [.level, .name, .mode]]' '[["line","red","mask"]]'
figure_is old '.lines[0].state' '"disabled"'
ctl old enable line red

echo "a long absence: nothing is announced until a peer of the same move confirms"
wait_until 5 figure_is new '.peers[0].alive' true
stop_gateway old TERM
rewrite old '.alive_at = "2020-01-01T00:00:00.000000Z"'
ip -n new-gw link set link0 down # nobody to ask
start_gateway old
fails announced old
figure_is old '.prefixes[0]' '{"announced":false,"prefix":"198.51.100.0/24","served":true}'
ctl old status | found "NOT CONFIRMED"
restart old KILL # which does not confirm it either
fails announced old
ip -n new-gw link set link0 up
wait_until 10 announced old
figure_is old '[.orders.confirmed, .orders.confirmed_by]' '[true,"new-gw"]'
found "confirmed by gateway new-gw" <"$dir/old.log"
restart old KILL
announced old

echo "and both after a long absence: until the operator does, and the other one takes his word for it"
for gateway in old new; do
    stop_gateway $gateway TERM
    rewrite $gateway '.alive_at = "2020-01-01T00:00:00.000000Z"'
done
start_gateway old
start_gateway new
wait_until 5 figure_is old '.peers[0].alive' true
wait_until 5 figure_is new '.peers[0].alive' true
figure_is old .orders.confirmed false
figure_is new .orders.confirmed false
ctl old confirm
announced old
wait_until 5 announced new
figure_is new .orders.confirmed_by '"old-gw"'

echo "a short time, by the configuration"
jq '.orders.absence_s = 1' "$dir/old.json" >"$dir/short" && cp "$dir/short" "$dir/old.json"
ip -n new-gw link set link0 down
stop_gateway old KILL
away_over() { [ "$(jq -r '.alive_at | sub("\\..*"; "Z") | fromdate + 4 < now' $orders/old.orders.json)" = true ]; }
wait_until 10 away_over
start_gateway old
figure_is old .orders.confirmed false

echo "and however much was said: as many clients as requests have room for"
ctl old confirm
for n in 101 102 103 104 105; do
    awk -v n=$n 'BEGIN { for (i = 0; i < 65536; ++i) printf "10.%d.%d.%d\n", n, i / 256, i % 256 }' >"$dir/clients"
    ctl old list l$n --file "$dir/clients" --here
done
jq '.placement.rules | {schema: "rehome/vipd-access/1", default: "accept", lists}' "$orders/old.orders.json" >"$dir/access"
ctl old access --file "$dir/access" --here
in_force() { figure old '[.placement, .access.digest]'; }
before=$(in_force)
stop_gateway old KILL
restart_gateway old
[ "$(in_force)" = "$before" ]
figure_is old .orders.set_aside null
