# shellcheck shell=bash
# Servers that reply directly, at both sites, in the world of _vipd.sh: they take IPIP off (decapsulate.py), and their
# default route leads through their gateway.
#
#   direct_world        vipd_world with them; the service is $vip:1883 (peers.py names)
#   direct_change=...   set before: what vipd_change is instead
#   all_relayed_crowd N at share 100: so many sessions, all at the new site's server, which close_crowd closes
#   state STATE         how many of their flows are in it at the new gateway
: "${dir:?}" "${here:?}"
# shellcheck source=tests/smoke/_crowd.sh
. "$here/_crowd.sh"
vip=198.51.100.10

direct_world() {
    vipd_change='.services[0] |= (.forward = "tunnel" | .encapsulation = "ipip" | del(.servers[0].port))'
    vipd_change=${direct_change:-$vipd_change}
    vipd_world
    local server
    for server in old-s new-s; do
        ip -n "$server" address add $vip/32 dev lo
        ip netns exec "$server" sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0
        ip -n "$server" tuntap add mode tun dev ipip
        ip -n "$server" link set dev ipip up
        ip netns exec "$server" sysctl -qw net.ipv4.conf.ipip.rp_filter=0
        on "$server" python3 tests/smoke/decapsulate.py ipip ipip &
    done
    name_servers 1883
}
state() { ctl new flows --vip $vip:1883 --state "$1" --count; }

all_relayed_crowd() {
    ctl old share 100 --by address
    wait_until 5 served_by new-s
    crowd "$1"
    all_at new-s
}
