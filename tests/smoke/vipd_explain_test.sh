#!/bin/bash
# vipctl explain, on live gateways: what was broken is the cause that it names, and the command that it gives mends it.
. "$(dirname "$0")/_init.sh"
# shellcheck source=tests/smoke/_vipd.sh
. "$here/_vipd.sh"
vipd_world
name_servers 1883

client=10.9.0.2
explained() { ctl old explain $client meters --json >"$dir/explained" || true; }
served_is() { explained && [ "$(jq -r '.vips[0].served' "$dir/explained")" = "$1" ]; }
cause_is() { explained && [ "$(jq -r '.vips[0].causes[0].cause' "$dir/explained")" = "$1" ]; }
mend_is() { [ "$(jq -r '.vips[0].causes[0].mend' "$dir/explained")" = "$1" ] || { jq .vips[0].causes "$dir/explained" >&2 && return 1; }; }
# Does what it says, on the old gateway.
mend() {
    local command
    command=$(jq -r '.vips[0].causes[0].mend' "$dir/explained")
    # shellcheck disable=SC2086  # a command line
    case $command in
        vipctl*) on old-gw $command --socket "$dir/old.sock" >/dev/null ;;
        ip*) on old-gw $command ;;
        *) echo "no command: $command" >&2 && return 1 ;;
    esac
}
well() { served_is yes && [ "$(jq -c '.vips[0].causes' "$dir/explained")" = '[]' ] && served_by old-s; }
exit_is() { # CODE COMMAND...
    local code=0
    "${@:2}" >"$dir/out" 2>&1 || code=$?
    [ $code = "$1" ] || { cat "$dir/out" >&2 && return 1; }
}
knock() { on client timeout 3 python3 tests/smoke/peers.py ask 198.51.100.10 1883 >/dev/null 2>&1 || true; }

asked_in_vain() { knock && cause_is server_silent; } # vipd asks when there are packets, and gives up after some
echo "# all is well: both directions, and the client's flow"
wait_until 5 say
wait_until 10 well
fits vipd-explain <"$dir/explained"
jq -e '.vips[0] | .service == "meters" and .line == {"carrier": "red", "state": "enabled", "routed": true}
    and .tries[0].in.out.port == "servers" and .tries[0].back.out.port == "red"' "$dir/explained"
jq -e '.flows[0].client | startswith("10.9.0.2:")' "$dir/explained"
exit_is 0 ctl old explain $client
found 'tcp 198.51.100.10:1883 (meters): served' <"$dir/out"
[ "$(ctl old explain $client 198.51.100.10:1883 --json | jq -r '.vips[0].served')" = yes ]
exit_is 2 ctl old explain nobody
exit_is 2 ctl old explain $client nothing
exit_is 1 ctl old explain $client 198.51.100.10:99
found 'CAUSE   no service has tcp 198.51.100.10:99' <"$dir/out"

echo "# the line is disabled, and nobody else has one"
ctl old mask line red --anyway
wait_until 5 cause_is line_disabled
served_is no
mend_is 'vipctl enable line red'
mend
wait_until 5 well

echo "# the server is gone: its neighbour does not answer"
ip -n old-s address del 10.1.0.2/24 dev eth0
ip -n old-gw neighbour flush dev servers
wait_until 20 asked_in_vain
served_is no
exit_is 1 ctl old explain $client
found 'CAUSE   server s1 at 10.1.0.2 does not answer at port servers' <"$dir/out"
ip -n old-s address add 10.1.0.2/24 dev eth0
ip -n old-s route replace default via 10.1.0.1
mend_is 'ip neighbour flush 10.1.0.2 dev servers'
mend
knock
wait_until 10 well

echo "# the kernel's route to the server is gone"
ip -n old-gw route del 10.1.0.0/24 dev servers
wait_until 5 cause_is no_route
mend_is 'ip route add 10.1.0.2 dev servers'
mend
knock
wait_until 10 well
ip -n old-gw route del 10.1.0.2 dev servers
ip -n old-gw route add 10.1.0.0/24 dev servers src 10.1.0.1

echo "# the prefix is not announced: the servers' device has no link"
ip -n old-gw link set srv0 down
wait_until 5 cause_is not_announced
[ "$(ip -n old-gw -j route show 198.51.100.0/24 proto 201 | jq length)" = 0 ]
mend_is 'ip link set srv0 up'
mend
knock
wait_until 10 well

echo "# nor where all its servers are masked"
jq '.services[0].servers[0].masked = true' "$dir/old.json" >"$dir/masked"
cp "$dir/old.json" "$dir/as_it_was"
cp "$dir/masked" "$dir/old.json"
ctl old reload
wait_until 5 cause_is no_server
mend_is "write \"masked\": false for s1 of meters in $dir/old.json, then \`vipctl reload\`"
cp "$dir/as_it_was" "$dir/old.json"
ctl old reload
wait_until 5 well

echo "# access rules keep it away: by a rule, by their default"
rules() { jq -n "{schema: \"rehome/vipd-access/1\"} + $1" >"$dir/rules.json" && ctl old access --file "$dir/rules.json"; }
mends_itself() { # CAUSE TEXT COMMAND: it is not served, and is once that was given
    knock
    served_is no
    cause_is "$1" || { jq .vips[0].causes "$dir/explained" >&2 && return 1; }
    jq -r '.vips[0].causes[0].text' "$dir/explained" | found "$2"
    mend_is "$3"
    fails timeout 3 ip netns exec client python3 tests/smoke/peers.py ask 198.51.100.10 1883 2>"$dir/kept_away"
    mend
    wait_until 5 well
    [ "$(figure old .access.digest)" = "$(figure new .access.digest)" ]
}
rules '{default: "accept", rules: [{name: "bots", action: "drop", clients: ["10.9.0.0/24"]}]}'
ctl old access --accept $client --service meters --dry-run | found 'would cut 0 live flows'
mends_itself access 'rule 1 (bots) drops' "vipctl access --accept $client --service meters"
ctl old access --accept $client --service meters # again: once is enough
[ "$(ctl old access --json | jq -c '[.decided[].rule]')" = '["rule 1","rule 2 (bots)","the default"]' ]
ctl new access --accept $client --service meters --none
exit_is 1 ctl old access --accept $client --service meters --none
found 'is accepted by no such rule' <"$dir/out"
exit_is 2 ctl old access --service meters
exit_is 2 ctl old access --accept $client --file "$dir/rules.json"
exit_is 2 ctl old access --accept $client --service game
exit_is 2 ctl old access --accept 10.9.0.2/24
exit_is 2 ctl old access --accept nobody
served_is no
rules '{default: "drop"}'
mends_itself access 'the default drops' "vipctl access --accept $client --service meters"
ctl old access --none

echo "# it is beyond a limit: its own, that of an exception which names it beside another, its service's, its VIP's"
ctl old limit clients 0.001 --burst 1
mends_itself client_limit 'client' "vipctl limit except:$client unlimited"
rules '{default: "accept", lists: [{name: "nat", clients: ["10.9.0.2", "10.9.0.3"]}],
    limits: {clients: {per_s: 0.001, burst: 1, except: [{clients: ["192.0.2.1", "nat"], per_s: 0.001, burst: 1}]}}}'
mends_itself client_limit 'client' 'vipctl limit except:nat unlimited'
ctl old access --json | jq -e '.rules.limits.clients.except == [{"clients": ["192.0.2.1"], "per_s": 0.001, "burst": 1},
    {"clients": ["nat"]}]'
ctl old access --none
ctl old limit service:meters 0.001 --burst 1
mends_itself service_limit 'its service' 'vipctl limit service:meters none'
ctl old limit vip:198.51.100.10 0.001 --burst 1
mends_itself vip_limit 'its VIP' 'vipctl limit vip:198.51.100.10 none'

echo "# nobody is admitted"
ctl old admission 0 --silence
mends_itself not_admitted 'not among the clients' 'vipctl admission 100'
figure_is old .access.digest '"0000000000000000"'

echo "# all are placed at the other site, whose gateway dies: served here meanwhile, and it is said why"
ctl old share 100
wait_until 5 served_by new-s
stop_gateway new INT
wait_until 10 cause_is peer_down
jq -e '.vips[0].served == "yes" and .vips[0].causes[0].serves' "$dir/explained"
mend_is 'vipctl share 0'
mend
wait_until 5 well

echo "# so they are by weights, which cannot be told to the dead one: to all others"
restart_gateway new
wait_until 5 figure_is old '.peers[0].alive' true
ctl old weights new=100
stop_gateway new KILL
wait_until 10 cause_is peer_down
mend_is 'vipctl weights old=100 --without new-gw'
mend
wait_until 5 well
