#!/bin/bash
# Floods from the carrier and from the servers' side, beyond what the kernel is given of either: checks go on to be
# answered, no server is set aside, and new clients are served.  Two workers.
. "$(dirname "$0")/_init.sh"
# shellcheck disable=SC2016  # it is jq's
export vipd_change='.workers = 2 | .punt_per_s = {servers: 200, icmp: 200, other: 200} |
    .services[0].servers[0].address as $server | .services[0].servers += [{name: "s2", address: ($server | sub("2$"; "3")),
        port: 1883}] | .health = {kind: "script", interval_ms: 500, timeout_ms: 450, fall: 2,
        script: [{send: ["text:well?", "hex:0a"]}, {expect: ["text:-s"]}]} |
    .services += [.services[0] | .name = "pinged" | .port = 1884 | .health = {kind: "icmp", interval_ms: 500, timeout_ms: 450}]'
# shellcheck source=tests/smoke/_vipd.sh
. "$here/_vipd.sh"
vipd_world
ip -n old-s address add 10.1.0.3/24 dev eth0
ip -n new-s address add 172.20.0.3/24 dev eth0
name_servers 1883
stat() { ctl old stats --json | jq "$1"; }
states_are() { figure_is old '[.health.servers[].state]' "$1"; }
wait_until 10 states_are '["up","up","up","up"]'

echo "# five seconds of forged SYNs to the VIP and to this gateway, from clients and from servers, and of pings"
failed=$(stat .health.failed) run=$(stat .health.run)
on client python3 tests/smoke/forge.py syns 198.51.100.10 1883 5 >"$dir/flooded1" &
floods=($!)
on old-s python3 tests/smoke/forge.py syns 10.1.0.1 22 5 >"$dir/flooded2" &
floods+=($!)
on old-s ping -q -f -w 5 10.1.0.1 >"$dir/flooded3" &
floods+=($!)
policed() { [ "$(stat '.drops.punt_servers > 1000 and .drops.punt_icmp > 100')" = true ]; }
wait_until 5 policed
for _ in {1..10}; do served_by old-s; done
wait "${floods[@]}" || true
[ "$(stat .health.run)" -ge $((run + 20)) ]
# Of forty checks and more none goes astray but by chance, as a core is away: none in a row.
[ "$(stat .health.failed)" -le $((failed + 2)) ]
fails grep -q 'up -> down' "$dir/old.log"
states_are '["up","up","up","up"]'
[ "$(stat .drops.punt_check)" = 0 ]

