#!/bin/bash
# mask, weak, strong and enable of a server, a service, a site and a line, with live sessions: who stays, who is told, who
# hears nothing, and where new ones go.
. "$(dirname "$0")/_init.sh"
# The old site has two servers of the one service; both speak UDP, too.
# shellcheck disable=SC2016  # jq's variable
vipd_change='.services[0].servers[0].address as $server |
    if .gateway == "old-gw" then .services[0].servers += [{name: "s2", address: $server, port: 1884}] else . end |
    .services += [{name: "terminals", vip: "198.51.100.10", protocol: "udp", port: 5683, forward: "nat",
        servers: [{name: "u1", address: $server, port: 5683}]}] | .workers = 2'
# shellcheck source=tests/smoke/_crowd.sh
. "$here/_crowd.sh"
vipd_world
on old-s python3 tests/smoke/peers.py names 1883 old-1 &
on old-s python3 tests/smoke/peers.py names 1884 old-2 &
on new-s python3 tests/smoke/peers.py names 1883 new-1 &
for server in old-s new-s; do on "$server" python3 tests/smoke/peers.py says 5683 "$server" & done
for i in {20..59}; do ip -n client address add "10.9.0.$i/24" dev c0; done
heard() { say >"$dir/heard" && grep -q "$1" "$dir/heard"; }
for server in old-1 old-2; do wait_until 10 heard "$server"; done
ctl old share 100
wait_until 10 heard new-1
ctl old share 0

fates() { asked_of "$1" at-once; }
asked_is() { # NUMBER ANSWERS
    local said
    said=$(fates "$1")
    [ "$said" = "$2" ] || { echo "crowd $1: $said, expected $2" >&2; return 1; }
}
new_ones() { # WHO ANSWERS HOW MANY
    crowd 40 10.9.0.20
    asked_is "$crowds" "$1"
}
dropped() { ctl old stats --json | jq .drops.disabled; }
order() { ctl old status --json | jq -c "[.disabled[] | select(.level == \"$1\")$2]"; }
order_is() { [ "$(order "$1" "$2")" = "$3" ]; }

echo "a server is masked: who was there stays, nobody comes"
crowd 40 10.9.0.20
first=$(fates "$crowds")
jq -e '.["old-1"] > 5 and .["old-2"] > 5 and add == 40' <<<"$first"
ctl old mask server s1
asked_is 1 "$first"
new_ones '{"old-2":40}'
wait_until 5 order_is server .left "[$(jq '.["old-1"]' <<<"$first")]"

echo "it is emptied, at both ends, and nobody else's sessions are"
ctl old weak server meters/s1 --rate 100 --wait
asked_is 1 "$(jq -c '{"old-2": .["old-2"], "reset": .["old-1"]}' <<<"$first")"
asked_is 2 '{"old-2":40}'
at_s1() { on old-s ss -Htn state established '( sport = :1883 )' | wc -l; }
nobody_at_s1() { [ "$(at_s1)" = 0 ]; }
wait_until 5 nobody_at_s1
ctl old enable server s1
ctl old enable server meters/s1
figure_is old .disabled '[]'

echo "it is cut: its sessions hear nothing, and what is dropped has a reason"
crowd 40 10.9.0.20
second=$(fates "$crowds")
jq -e '.["old-1"] > 5 and .["old-2"] > 5' <<<"$second"
before=$(dropped)
ctl old strong server s1
asked_is 3 "$(jq -c '{"old-2": .["old-2"], "silent": .["old-1"]}' <<<"$second")"
new_ones '{"old-2":40}'
[ "$(dropped)" -gt "$before" ]
tell_crowd 3 numbers '^\.$'
ctl old flows --json --server 10.1.0.2:1883 --limit 1000 |
    jq -r '.flows[] | select(.state == "reset").client | sub(":"; " ") + " "' >"$dir/cut"
read -r address port seq ack < <(grep -F -f "$dir/cut" "$dir/said3")
ctl old why "tcp $address:$port > 198.51.100.10:1883 ack $ack seq $seq len 1" >"$dir/why" || true
found "strong server s1" <"$dir/why"
found "dropped: disabled" <"$dir/why"

echo "enabled again, who was cut is told at his next word"
ctl old enable server s1
wait_until 20 asked_is 3 "$(jq -c '{"old-2": .["old-2"], "reset": .["old-1"]}' <<<"$second")" # it is said again, later and later

for what in "service meters" "site old"; do
    echo "$what: masked, taken over by weak, which is stopped by mask, then emptied"
    # shellcheck disable=SC2086  # two words
    set -- $what
    crowd 40 10.9.0.20
    here_now=$crowds
    live=$(fates "$here_now")
    jq -e '.["old-1"] + .["old-2"] == 40' <<<"$live"
    ctl old mask "$@"
    asked_is "$here_now" "$live"
    new_ones '{"new-1":40}'
    ctl old why "tcp 10.9.0.20:40000 > 198.51.100.10:1883 syn" | found "mask $1 $2 here: new flows go elsewhere"
    ctl old weak "$@" --rate 0.5 --json | jq -e '.before.mode == "mask" and .disabled.course == "running"'
    wait_until 10 order_is "$1" '| .left > 10 and .end_s > 20' '[true]'
    ctl old mask "$@" | found "in place of: weak $1 $2, running at 0.5 a second"
    fates "$here_now" | jq -e '(.reset // 0) <= 6 and (.["old-1"] + .["old-2"]) >= 34'
    ctl old weak "$@" --rate 200 --wait
    asked_is "$here_now" '{"reset":40}'
    order_is "$1" '| [.course, .left, .end_s == 0]' '[["done",0,true]]'
    new_ones '{"new-1":40}'
    ctl old enable "$@"
    crowd 40 10.9.0.20
    fates "$crowds" | jq -e '.["old-1"] + .["old-2"] == 40'

    echo "$what: cut, and enabled while it is being emptied"
    crowd 40 10.9.0.20
    here_now=$crowds
    live=$(fates "$here_now")
    ctl old weak "$@" --rate 0.1
    ctl old enable "$@"
    figure_is old .disabled '[]'
    fates "$here_now" | jq -e '(.reset // 0) <= 2 and (.["old-1"] + .["old-2"]) >= 38'
    ctl old strong "$@"
    fates "$here_now" | jq -e '.silent >= 38'
    new_ones '{"new-1":40}'
    ctl old enable "$@"
done

echo "another site is masked and cut from here: what was relayed there stays, then is cut; new flows stay here"
ctl old share 100
new_ones '{"new-1":40}'
there=$crowds
ctl old mask site new --here
asked_is "$there" '{"new-1":40}'
crowd 40 10.9.0.20
fates "$crowds" | jq -e '.["old-1"] + .["old-2"] == 40'
ctl old weak site new --here --rate 200 --wait
asked_is "$there" '{"reset":40}'
at_new() { on new-s ss -Htn state established '( sport = :1883 )' | wc -l; }
ctl old enable site new --here
new_ones '{"new-1":40}'
there=$crowds
ctl old strong site new --here
asked_is "$there" '{"silent":40}'
crowd 40 10.9.0.20
fates "$crowds" | jq -e '.["old-1"] + .["old-2"] == 40'
ctl old enable site new --here
ctl old share 0

echo "two orders at once, each with its course"
crowd 40 10.9.0.20
here_now=$crowds
live=$(fates "$here_now")
ctl old weak server s1 --rate 0.2
ctl old weak server s2 --rate 200 --anyway --wait
order server '| [.name, .course]' | jq -e '. == [["s1","running"],["s2","done"]]'
fates "$here_now" | jq -e --argjson live "$live" '.reset >= $live["old-2"] and (.["old-1"] // 0) >= $live["old-1"] - 4 and .["old-2"] == null'
ctl old enable server s1
ctl old enable server s2

echo "a line is masked, emptied and cut"
ctl new enable line red
crowd 40 10.9.0.20
here_now=$crowds
live=$(fates "$here_now")
ctl old mask line red
asked_is "$here_now" "$live"
figure_is old '.lines[0].state' '"disabled"'
sent=$(figure old '.lines[0].tx_vip_packets')
ctl old weak line red --rate 200 --wait
asked_is "$here_now" '{"reset":40}'
[ "$(figure old '.lines[0].tx_vip_packets')" = "$sent" ]
crowd 40 10.9.0.20
fates "$crowds" | jq -e '.["old-1"] + .["old-2"] == 40'
cut=$crowds
ctl old strong line red
before=$(dropped)
asked_is "$cut" '{"silent":40}'
[ "$(dropped)" -gt "$before" ]
deliver_to new
all_go_on() { fates "$cut" | jq -e '.["old-1"] + .["old-2"] == 40'; }
wait_until 20 all_go_on # by the other line
deliver_to old
ctl old enable line red
ctl new mask line red
[ "$(say | cut -c1-3)" = old ]

echo "at whatever level it is masked, whoever lives there goes on without a gap, and so does whoever comes"
ctl new enable line red
mkfifo "$dir/tell"
on client python3 tests/smoke/sessions.py --tcp 60 --udp 20 --to 198.51.100.10 <"$dir/tell" >"$dir/told" &
exec 8>"$dir/tell"
wait_until 20 grep -q ready "$dir/told"
told() { [ "$(grep -c '^{' "$dir/told")" -gt "$1" ]; }
report() {
    local before
    before=$(grep -c '^{' "$dir/told" || true)
    echo report >&8
    wait_until 20 told "$before"
    tail -n 1 "$dir/told"
}
report | jq -e '.lost == 0'
calm() { # four hundred questions are answered in time, and so is whoever comes meanwhile
    local asked=0
    until [ "$asked" -ge 400 ]; do
        report >"$dir/calm"
        jq -e '.lost == 0 and .moved == 0 and .refused == 0 and .gap_ms < 500' "$dir/calm" >"$dir/is" ||
            { cat "$dir/calm" >&2; return 1; }
        asked=$((asked + $(jq .asked "$dir/calm")))
    done
}
for what in "server s1" "service meters" "service terminals" "site old" "line red"; do
    # shellcheck disable=SC2086  # two words
    ctl old mask $what
    calm
    # shellcheck disable=SC2086  # two words
    ctl old enable $what
done

echo "who is emptied, at whatever level, is told, and comes back elsewhere within a second; nobody else is"
have() { # SERVERS: these and no others have the TCP sessions
    report >"$dir/after"
    jq -e "(.by | del(.[\"old-s\", \"new-s\"]) | keys) == $1 and .lost <= 60 and .refused == 0 and .gap_ms < 1000" \
        "$dir/after" >"$dir/is"
}
for what in "server s1" "service meters" "site old"; do
    # shellcheck disable=SC2086  # two words
    ctl old weak $what --rate 500 --wait
    case $what in "server s1") wait_until 5 have '["old-2"]' ;; *) wait_until 5 have '["new-1"]' ;; esac
    calm
    # shellcheck disable=SC2086  # two words
    ctl old enable $what
    ctl old weak site new --rate 500 --wait # and back
    ctl old enable site new
    case $what in "server s1") calm ;; *) wait_until 5 have '["old-1","old-2"]' ;; esac
done
echo end >&8
exec 8>&-
ctl old weak service terminals --rate 500 --wait # what the sessions leave behind
ctl old enable service terminals
ctl new mask line red

echo "UDP: forgotten, or told that the port is unreachable"
talks=0
talk() {
    ((++talks))
    mkfifo "$dir/talk$talks"
    on client python3 tests/smoke/peers.py talk 198.51.100.10 5683 40 <"$dir/talk$talks" >"$dir/talked" &
    exec 6>"$dir/talk$talks"
    wait_until 10 grep -q ready "$dir/talked"
}
talked() { [ "$(grep -c '^{' "$dir/talked")" -gt "$1" ]; }
talk_asked() {
    local before
    before=$(grep -c '^{' "$dir/talked" || true)
    echo ask >&6
    wait_until 20 talked "$before"
    tail -n 1 "$dir/talked" | jq -c .by
}
talk
[ "$(talk_asked)" = '{"old-s":40}' ]
ctl old mask service terminals
[ "$(talk_asked)" = '{"old-s":40}' ]
ctl old weak service terminals --rate 200 --wait --json | jq -e '.disabled.forgotten == 40'
[ "$(talk_asked)" = '{"new-s":40}' ]
ctl old enable service terminals
talk
[ "$(talk_asked)" = '{"old-s":40}' ]
ctl old weak service terminals --rate 200 --icmp --wait
[ "$(talk_asked)" = '{"ConnectionRefusedError":40}' ]
ctl old enable service terminals
talk
[ "$(talk_asked)" = '{"old-s":40}' ]
ctl old strong service terminals
[ "$(talk_asked)" = '{"new-s":40}' ] # a datagram may be a flow's first: it is placed at once
ctl old enable service terminals

echo "what leaves somebody without anybody is refused, unless it is said"
refused() { # EXIT TEXT CMD...
    local code=0
    ctl old "${@:3}" >"$dir/out" 2>&1 || code=$?
    [ "$code" = "$1" ] || { echo "exit $code: ${*:3}" >&2; cat "$dir/out" >&2; return 1; }
    found "$2" <"$dir/out"
    figure_is old .disabled '[]'
}
stop_gateway new KILL
wait_until 5 figure_is old '.peers[0].alive' false
refused 1 "nobody else takes new flows of meters" mask service meters
refused 1 "nobody else takes new flows of meters, terminals" weak site old --here --rate 10
refused 1 "nobody else takes new flows of terminals" strong server u1
refused 1 "no gateway has another line of red" mask line red
crowd 40 10.9.0.20
here_now=$crowds
ctl old weak site old --here --rate 200 --wait --anyway # they come back to the same site
asked_is "$here_now" '{"reset":40}'
crowd 40 10.9.0.20
fates "$crowds" | jq -e '.["old-1"] + .["old-2"] == 40'
ctl old enable site old --here
restart_gateway new
wait_until 5 figure_is old '.peers[0].alive' true

echo "mistakes are told at once, and nothing is changed"
for level in server service line site; do refused 2 "no $level is called \"nobody\"" mask $level nobody; done
refused 2 'no server is called "nobody"' weak server nobody --rate 0
found 'rate: is 0' <"$dir/out"
refused 2 'from 0.001 to 1000000' weak site old --rate 1000001
refused 2 'expected one of "server"' mask rack r1
printf '%s\n' garbage '{"command":"weak"}' '{"command":"mask","level":3,"name":[]}' \
    '{"command":"strong","level":"site","name":"old","rate":1}' '{"command":"line","carrier":"red","state":"disable"}' \
    '{"command":"relogin","rate":1}' | timeout 10 python3 tests/smoke/peers.py tell "$dir/old.sock" >"$dir/answers"
[ "$(jq -s 'length == 6 and all(.ok | not)' "$dir/answers")" = true ]
figure_is old .disabled '[]'

echo "a server that a reload takes away while it is disabled, and brings back"
ctl old mask server s2
cp "$dir/old.json" "$dir/with"
jq 'del(.services[0].servers[1])' "$dir/with" >"$dir/old.json"
ctl old reload
order_is server .known '[false]'
ctl old status | found "server s2: NOT IN THE CONFIGURATION"
new_ones '{"old-1":40}'
cp "$dir/with" "$dir/old.json"
ctl old reload
order_is server .known '[true]'
new_ones '{"old-1":40}'
jq 'del(.services[0].servers[1])' "$dir/with" >"$dir/old.json"
ctl old reload
ctl old enable server s2
figure_is old .disabled '[]'
