#!/bin/bash
# Servers that reply directly, at both sites, while all clients are relayed: their answers come by way of the new
# gateway, whose line is disabled.  They go back by the tunnel and the client's line; sessions that end are seen to.
# shellcheck source=tests/smoke/_init.sh
. "$(dirname "$0")/_init.sh"
# shellcheck source=tests/smoke/_vipd.sh
. "$here/_vipd.sh"
vipd_change='.services[0] |= (.forward = "tunnel" | .encapsulation = "ipip" | del(.servers[0].port))'
vipd_world
vip=198.51.100.10
for server in old-s new-s; do
    ip -n "$server" address add $vip/32 dev lo
    ip netns exec "$server" sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0
    ip -n "$server" tuntap add mode tun dev ipip
    ip -n "$server" link set dev ipip up
    ip netns exec "$server" sysctl -qw net.ipv4.conf.ipip.rp_filter=0
    on "$server" python3 tests/smoke/decapsulate.py ipip ipip &
    on "$server" python3 tests/smoke/peers.py names 1883 "$server" &
done
# What leaves by the new gateway's line from a VIP.
on isp nft 'add table ip seen; add chain ip seen c { type filter hook prerouting priority 0; };
    add rule ip seen c iifname "new" ip saddr 198.51.100.0/24 counter'
spoofed() { on isp nft -j list table ip seen | jq '[.nftables[] | .rule? // empty | .expr[].counter.packets? // empty] | add'; }
asks() { on client python3 tests/smoke/peers.py ask $vip 1883; }
who() { [ "$(asks)" = "$1" ]; }

echo "# served here, and relayed: each site's server answers, by the old line"
wait_until 5 who old-s
ctl old share 100 --by address
wait_until 5 who new-s
[ "$(spoofed)" = 0 ]
[ "$(ctl new stats --json | jq .sent.to_clients)" = 0 ]

echo "# 200 sessions, relayed: seen to begin, and to end"
count=200
mkfifo "$dir/crowd"
on client python3 tests/smoke/peers.py crowd $vip 1883 $count <"$dir/crowd" >"$dir/said" &
exec 6>"$dir/crowd"
wait_until 20 grep -q ready "$dir/said"
echo ask >&6
wait_until 20 grep -q '^{' "$dir/said"
[ "$(tail -n 1 "$dir/said")" = '{"new-s": 200}' ]
state() { ctl new flows --vip $vip:1883 --state "$1" --count; }
[ "$(state established)" = $count ]
echo close >&6
closed() { [ "$(state established)" = 0 ]; }
wait_until 5 closed
[ "$(state closing)" -ge $count ]
[ "$(spoofed)" = 0 ]

echo "# what the new gateway's own kernel sends from a VIP does not leave by its line either"
ip -n new-gw address add $vip/32 dev lo
ip -n new-gw route replace default via 100.64.2.1
before=$(ctl new stats --json | jq .drops.line_disabled)
on new-gw ping -c 3 -i 0.2 -W 1 -I $vip 10.9.0.2 >"$dir/ping" || true
[ "$(spoofed)" = 0 ]
[ "$(ctl new stats --json | jq .drops.line_disabled)" -ge $((before + 3)) ]
