#!/bin/bash
# Servers that reply directly, at both sites, while all clients are relayed: their answers come by way of the new
# gateway, whose line is disabled.  They go back by the tunnel and the client's line; sessions that end are seen to.
# shellcheck source=tests/smoke/_init.sh
. "$(dirname "$0")/_init.sh"
# shellcheck source=tests/smoke/_direct.sh
. "$here/_direct.sh"
direct_world
# What leaves by the new gateway's line from a VIP.
on isp nft 'add table ip seen; add chain ip seen c { type filter hook prerouting priority 0; };
    add rule ip seen c iifname "new" ip saddr 198.51.100.0/24 counter'
spoofed() { on isp nft -j list table ip seen | jq '[.nftables[] | .rule? // empty | .expr[].counter.packets? // empty] | add'; }
echo "# served here, and relayed: each site's server answers, by the old line"
wait_until 5 served_by old-s
count=200
all_relayed_crowd $count
[ "$(spoofed)" = 0 ]
[ "$(ctl new stats --json | jq .sent.to_clients)" = 0 ]

echo "# the sessions were seen to begin, and are seen to end"
[ "$(state established)" = $count ]
close_crowd
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
