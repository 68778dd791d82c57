#!/bin/bash
# Checks by IPv6 and by UDP, of real servers: a script over TCP, a datagram that is answered, an echo.  What a check
# meets is made for the gateway's own address alone, so that whoever is served there goes on, and nobody new is sent there.
. "$(dirname "$0")/_init.sh"
# shellcheck source=tests/smoke/_sites.sh
. "$here/_sites.sh"
export sites_more='| .services[] |= (.servers += [.servers[0] | .name = "s2" | .address |= sub("2$"; "3")] |
    .health = {interval_ms: 400, timeout_ms: 300, fall: 2} +
        (if .protocol == "udp" then {kind: "udp", script: [{send: ["text:well?"]}, {expect: ["text:-s"]}]}
        elif .name == "meters6" then {kind: "script", script: [{send: ["text:well?", "hex:0a"]}, {expect: ["text:-s"]}]}
        else {kind: "icmp"} end))'
sites_world 1
ip -n old-s address add 10.1.0.3/24 dev eth0
ip -n new-s address add 172.20.0.3/24 dev eth0
address6 old-s 2001:db8:a::3/64 eth0
address6 new-s 2001:db8:b::3/64 eth0
on old-s python3 tests/smoke/peers.py says 5999 wrong &
health() { figure old ".health.servers[] | select(.service == \"${1%/*}\" and .server == \"${1#*/}\") | .$2"; }
looks() { [ "$(health "$1" state)" = "\"$2\"" ]; }
all_well() { [ "$(figure old '[.health.servers[].state] | unique')" = '["up"]' ]; }
wait_until 15 all_well
[ "$(figure old '.health.servers | length')" = 8 ]
not_run=$(ctl old stats --json | jq .health.not_run) # while the gateway had no addresses
sessions --tcp 40 --udp 20
reported | jq -e '.lost == 0'

at() { ctl old flows --json --server "$1" --limit 1000 | jq '.flows | length'; }
new_clients() { # SERVICE: twenty, all served
    case $1 in
    meters6) on client python3 tests/smoke/peers.py wait $vip6 1883 20 | jq -e '.served == 20' ;;
    terminals) echo ask | on client python3 tests/smoke/peers.py talk $vip 5683 20 | found '"old-s": 20' ;;
    terminals6) echo ask | on client python3 tests/smoke/peers.py talk $vip6 5683 20 | found '"old-s": 20' ;;
    esac
}
ill() { # SERVICE ADDRESS OF S2, what befalls a check there (nft), what is said of it
    local before
    echo "# $1: $3"
    before=$(health "$1/s2" state)
    [ "$before" = '"up"' ]
    on old-s nft "table inet ill { chain i { type filter hook input priority 0; };
        chain n { type nat hook prerouting priority -100; }; }"
    on old-s nft add rule inet ill "$3"
    wait_until 5 looks "$1/s2" down
    health "$1/s2" why | found "$4"
    ctl old status | found "$1/s2 .*DOWN"
    before=$(at "$2")
    [ "$before" -gt 0 ] # who is there
    new_clients "$1"
    [ "$(at "$2")" -le "$before" ]
    on old-s nft delete table inet ill
    wait_until 20 looks "$1/s2" up
}
six='ip6 saddr 2001:db8:a::1 ip6 daddr 2001:db8:a::3' four='ip saddr 10.1.0.1 ip daddr 10.1.0.3'
ill meters6 '[2001:db8:a::3]:1883' "i $six tcp dport 1883 drop" 'no connection in time'
ill meters6 '[2001:db8:a::3]:1883' "i $six tcp dport 1883 reject with tcp reset" 'refused'
ill terminals 10.1.0.3:5683 "i $four udp dport 5683 drop" 'no answer in time at step 2 of 2.*last came nothing'
ill terminals 10.1.0.3:5683 "i $four udp dport 5683 reject" 'refused'
ill terminals6 '[2001:db8:a::3]:5683' "n $six udp dport 5683 redirect to :5999" 'expected .*-s.*last came .*wrong'

reload_with old '(.services[] | select(.name == "meters6").health) |= (.kind = "icmp" | del(.script))'
wait_until 10 all_well
ill meters6 '[2001:db8:a::3]:1883' "i $six icmpv6 type echo-request drop" 'in time'

echo "# nobody who was served has noticed, and every answer got through"
reported | jq -e '.lost == 0 and .refused == 0 and .gap_ms < 1000'
ctl old stats --json | jq -e ".drops.punt_check == 0 and .health.run > 100 and .health.not_run == $not_run"
end_sessions
