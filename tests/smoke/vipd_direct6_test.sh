#!/bin/bash
# Servers that reply directly, with IPv6 addresses: clients get to them in IPv6, here and relayed, and sessions live on.
. "$(dirname "$0")/_init.sh"
# shellcheck source=tests/smoke/_sites.sh
. "$here/_sites.sh"
# shellcheck disable=SC2016  # jq's variable, of sites_change
export sites_more='| .server_tunnels_from = ["2001:db8:\($nets[.gateway])::1"] |
    (.services[] | select(.name == "meters6")) |=
        (.forward = "tunnel" | .encapsulation = "ipip" | del(.servers[0].port))'
sites_world 2
for server in old-s new-s; do
    ip -n $server -6 address add $vip6/128 dev lo nodad
    ip -n $server tuntap add mode tun dev inner
    ip -n $server link set dev inner up
    on $server python3 tests/smoke/decapsulate.py inner ip6ip6 &
done
who() { on client python3 tests/smoke/peers.py ask $vip6 1883; }
is() { [ "$(who)" = "$1" ]; }

echo "# served here"
wait_until 5 is old-s
on old-s timeout 2 tcpdump -c 1 -nni eth0 'ip6 proto 41' >"$dir/seen" 2>"$dir/tcpdump" &
wait_until 2 grep -q listening "$dir/tcpdump"
is old-s
tunnelled() { grep -q '2001:db8:a::1 > 2001:db8:a::2: .*2001:db8:c::2.* > 2001:db8:f::10.1883' "$dir/seen"; }
wait_until 3 tunnelled

echo "# relayed: the other site's server answers, and the line of the new site stays silent"
befall share 100
wait_until 5 is new-s
sessions --tcp 20 --udp 5
sleep 1 # of asking
reported | jq -e '.lost == 0 and .refused == 0 and .by["new-s"] == 50 and .answered > 100'
[ "$(ctl new stats --json | jq .sent.to_clients)" = 0 ]
end_sessions
