#!/bin/bash
# Who may begin what, with real sessions: access rules are replaced under live sessions, which are cut at the next packet
# in both directions and go on when they may again; limits; and admission, the same clients for as long as it lasts.
# shellcheck source=tests/smoke/_init.sh
. "$(dirname "$0")/_init.sh"
# shellcheck source=tests/smoke/_crowd.sh
. "$here/_crowd.sh"

vipd_world
name_servers 1883
for i in {20..219}; do ip -n client address add "10.9.0.$i/24" dev c0; done
wait_until 5 say

logins() { on client python3 tests/smoke/peers.py logins 198.51.100.10 1883 "$@"; }
dropped() { ctl old stats --json | jq ".drops.$1"; }
rules() { jq -n "{schema: \"rehome/vipd-access/1\", default: \"accept\", rules: [$1]}" >"$dir/rules.json"; }

echo "before it is said it is known how many live flows rules would cut, and nothing is changed"
crowd 30 10.9.0.20
crowd 2 10.9.0.100
rules '{name: "bots", action: "drop", clients: ["10.9.0.100/30"], vips: ["198.51.100.0/24"], ports: ["1883-1890"]}'
ctl old access --file "$dir/rules.json" --dry-run --json >"$dir/dry.json"
jq -e '.dry_run | map({key: .gateway, value: .would_cut}) | from_entries == {"old-gw": 2, "new-gw": 0}' "$dir/dry.json"
[ "$(asked_of 2)" = '{"old-s":2}' ]

echo "rules come into force at both gateways, and meet sessions that live"
ctl old access --file "$dir/rules.json"
[ "$(figure old .access.digest)" = "$(figure new .access.digest)" ]
figure_is old '.access | [.rule_count, .expanded, .default]' '[1,1,"accept"]'
wait_until 5 figure_is old '.access.looking' false
figure_is old .access.cut_flows 2
[ "$(asked_of 1)" = '{"old-s":30}' ]
[ "$(asked_of 2)" = '{"silent":2}' ]
[ "$(dropped access)" -ge 2 ]
[ "$(logins 10.9.0.100 4 | jq -c .)" = '{"in":[],"refused":0,"silent":4}' ]
logins 10.9.0.104 4 | jq -e '.in | length == 4'
ctl old access --json | jq -e '.decided[0] | .rule == "rule 1 (bots)" and .action == "drop" and .packets > 0'
client=$(on client ss -Htn state established src 10.9.0.100 | awk '{print $3}')
ctl old why "tcp $client > 198.51.100.10:1883 ack" >"$dir/why" && exit 1
found 'rule 1 (bots): drop' <"$dir/why"
ctl old why --port servers "tcp 10.1.0.2:1883 > $client ack" >"$dir/why" && exit 1
found 'rule 1 (bots): drop' <"$dir/why"

echo "other rules take their place: who may again goes on where it was, who may not any more is cut"
rules '{action: "accept", service: "meters", clients: ["10.9.0.96/27"]},
    {action: "drop", service: "meters", clients: ["10.9.0.0/25"]}'
ctl new access --file "$dir/rules.json" # told at the other gateway
goes_on() { [ "$(asked_of 2)" = '{"old-s":2}' ]; } # with the next segment that its ends send again
wait_until 60 goes_on
[ "$(logins 10.9.0.20 3 | jq -c .)" = '{"in":[],"refused":0,"silent":3}' ]
ctl old access --none
figure_is old .access.digest '"0000000000000000"'
[ "$(asked_of 1)" = '{"old-s":30}' ]

echo "mistakes are told at once, and nothing is changed"
before=$(figure old .access.digest)
refused() { # WHAT CMD...: with that, by the exit code 2
    local code=0
    ctl old "${@:2}" >"$dir/out" 2>&1 || code=$?
    [ "$code" = 2 ] || { echo "exit $code: ${*:2}" >&2; cat "$dir/out" >&2; return 1; }
    found "$1" <"$dir/out"
    [ "$(figure old .access.digest)" = "$before" ]
}
rules '{action: "drop", ports: ["90-80"], clients: ["10.0.0.0/8", "10.0.0.0/8"]}, {action: "drop", service: "game"}'
refused 'is reversed' access --file "$dir/rules.json"
found 'given twice' <"$dir/out"
found 'no service is called "game"' <"$dir/out"
jq -n '{schema: "rehome/vipd-access/2", default: "accept"}' >"$dir/rules.json"
refused '/schema' access --file "$dir/rules.json"
jq -n '[range(256) as $i | "10.0.\($i).0/24"] as $c | [range(256) as $i | "198.51.\($i).0/24"] as $v |
    {schema: "rehome/vipd-access/1", default: "accept", rules: [{action: "drop", clients: $c, vips: $v}]}' >"$dir/rules.json"
refused 'expected at most 32768' access --file "$dir/rules.json"
refused 'no service is called "game"' limit service:game 10
refused 'is no rate' limit clients many
refused 'from 0 to 100' admission 101
for what in service:meters vip:198.51.100.10; do
    code=0
    ctl old limit $what none 2>"$dir/out" || code=$?
    [ $code = 1 ] && found "\"$what\" has no limit" <"$dir/out"
done
printf '%s\n' garbage '{"command":"access-prepare"}' '{"command":"access-prepare","rules":7}' \
    '{"command":"access-prepare","rules":{"schema":"rehome/vipd-access/2","default":"maybe"}}' \
    '{"command":"access-commit","digest":"0123456789abcdef"}' '{"command":"explain"}' \
    '{"command":"explain","client":"nobody"}' | timeout 10 python3 tests/smoke/peers.py tell "$dir/old.sock" >"$dir/answers"
[ "$(jq -s 'length == 7 and all(.ok | not)' "$dir/answers")" = true ]
found '/schema' <"$dir/answers"
found '/default' <"$dir/answers"
timeout 30 python3 tests/smoke/peers.py garble "$dir/old.sock" | jq -e '.answers > 0 and .ok == 0'
[ "$(figure old .access.digest)" = "$before" ]
[ "$(asked_of 1)" = '{"old-s":30}' ]

echo "one gateway alone: the others are named"
ctl old admission 50 --here
wait_until 5 figure_is new '.peers[0].same_access' false
ctl new status | found 'OTHER ACCESS RULES'
ctl old admission 100
wait_until 5 figure_is new '.peers[0].same_access' true

echo "under overload a part of the clients is admitted: the same ones, a smaller part within a larger one"
ctl old admission 40
logins 10.9.0.20 200 >"$dir/forty"
jq -e '(.in | length) > 50 and (.in | length) < 110 and .refused > 0' "$dir/forty"
[ "$(logins 10.9.0.20 200 | jq -c .in)" = "$(jq -c .in "$dir/forty")" ]
[ "$(asked_of 1)" = '{"old-s":30}' ]
ctl old admission 10
logins 10.9.0.20 200 >"$dir/ten"
jq -es '(.[0].in - .[1].in) == [] and (.[0].in | length) < (.[1].in | length)' "$dir/ten" "$dir/forty"
[ "$(figure old .access.turned_away.not_admitted)" -gt 200 ]
ctl old admission 0 --silence
[ "$(logins 10.9.0.20 4 | jq -c .)" = '{"in":[],"refused":0,"silent":4}' ]
[ "$(asked_of 1)" = '{"old-s":30}' ]
ctl old admission 100
logins 10.9.0.20 200 | jq -e '.in | length == 200'

echo "limits of new flows: of an address, with an exception, of a service"
ctl old limit clients 0.01 --burst 2
ctl old limit except:10.9.0.21 unlimited
logins 10.9.0.20 6 10.9.0.20 | jq -e '.in | length == 2'
logins 10.9.0.21 6 10.9.0.21 | jq -e '.in | length == 6'
[ "$(asked_of 1)" = '{"old-s":30}' ]
ctl old limit clients none
ctl old limit service:meters 1 --burst 3
logins 10.9.0.30 8 | jq -e '.in | length >= 3 and length < 8'
[ "$(figure old .access.turned_away.client_limit)" -ge 4 ]
[ "$(figure old .access.turned_away.service_limit)" -ge 4 ]
[ "$(asked_of 1)" = '{"old-s":30}' ]
ctl old limit service:meters none

echo "a flood of SYNs from everywhere, while sessions live and clients within their limits log in"
ctl old limit clients 20 --burst 40
on client python3 tests/smoke/forge.py syns 198.51.100.10 1883 60 >"$dir/flooded" &
flood=$!
flooded() { [ "$(ctl old stats --json | jq '[.services[].new_flows] | add')" -gt $((before + 5000)) ]; }
before=$(ctl old stats --json | jq '[.services[].new_flows] | add')
wait_until 10 flooded
logins 10.9.0.20 100 >"$dir/beside"
jq -e ".in | length >= 95" "$dir/beside" || { cat "$dir/beside"; ctl old stats; exit 1; }
[ "$(asked_of 1)" = '{"old-s":30}' ]
kill "$flood" # it was there all the while
wait "$flood" || true
ctl old limit clients none

echo "what was ordered outlives vipd, and holds from its first packet on"
rules '{action: "drop", clients: ["10.9.0.100/30"]}'
ctl old access --file "$dir/rules.json"
stop_gateway old TERM
start_gateway old
figure_is old .access.rule_count 1
wait_until 5 figure_is old '.peers[0].alive' true
[ "$(logins 10.9.0.100 2 | jq -c .in)" = '[]' ]
wait_until 5 say
