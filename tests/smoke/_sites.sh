# shellcheck shell=bash
# Two sites with live sessions, built once, and the words for what befalls them: for scenarios and for the soak.
#
#   sites_world WORKERS      vipd_world (_vipd.sh) with IPv4 and IPv6, a service for TCP and one for UDP; $sites_more is
#                            what the test makes of that besides (" | " and jq's syntax)
#   sessions [OPTIONS]       new sessions (sessions.py), whose first answers have come
#   reported                 what sessions.py says of them since it was asked last
#   as_at_first              everything as when the world was built: the old site serves, the link is whole
#   befall WORDS             one of these:
#       share N                     percent of the clients, at the old gateway
#       deliver old|new             where the carrier sends what is for the VIPs
#       line old|new enable|disable
#       cut, cut_from old|new, mend the link, both ways or one
#       narrow, wide                what it carries
#       crash old|new, stop old|new the gateway, which is started again at once
#       mask old|new, unmask old|new  the servers of a site
#       forge blind|exact           forge.py, of every TCP session over IPv4
#       wait SECONDS
: "${dir:?}" "${here:?}"
# shellcheck source=tests/smoke/_vipd.sh
. "$here/_vipd.sh"
vip=198.51.100.10 vip6=2001:db8:f::10

# The gateway's configuration with the services of its site, whose IPv6 network has that letter.
sites_change() { # WORKERS
    cat <<'END'
        ([{a: "old-gw", net: "a"}, {a: "new-gw", net: "b"}] | map({(.a): .net}) | add) as $nets |
        .services[0].servers[0].address as $four | "2001:db8:\($nets[.gateway])::2" as $six |
        def service(name; vip; protocol; port; server): {name: name, vip: vip, protocol: protocol, port: port,
            forward: "nat", servers: [{name: "s1", address: server, port: port}]};
        .services = [service("meters"; "198.51.100.10"; "tcp"; 1883; $four),
            service("meters6"; "2001:db8:f::10"; "tcp"; 1883; $six),
            service("terminals"; "198.51.100.10"; "udp"; 5683; $four),
            service("terminals6"; "2001:db8:f::10"; "udp"; 5683; $six)] |
END
    echo ".workers = $1"
}
sites_inventory() {
    jq '.prefixes += ["2001:db8:f::/64"] | .sites[0].networks += ["2001:db8:a::/64"] |
        .sites[1].networks += ["2001:db8:b::/64"] | .carriers[0].clients += ["2001:db8:c::/64"]' "$dir/inventory.json"
}

six() { # NAMESPACE
    ip netns exec "$1" sysctl -qw net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.default.disable_ipv6=0 \
        net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0
}
address6() { ip -n "$1" address add "$2" dev "$3" nodad; }
address_sites6() {
    local name
    for name in client isp old-gw new-gw old-s new-s; do six "$name"; done
    ip netns exec isp sysctl -qw net.ipv6.conf.all.forwarding=1
    address6 client 2001:db8:c::2/64 c0
    address6 isp 2001:db8:c::1/64 c0
    ip -n client -6 route add default via 2001:db8:c::1
    address6 old-gw 2001:db8:a::1/64 servers
    address6 old-s 2001:db8:a::2/64 eth0
    ip -n old-s -6 route add default via 2001:db8:a::1
    address6 new-gw 2001:db8:b::1/64 servers
    address6 new-s 2001:db8:b::2/64 eth0
    ip -n new-s -6 route add default via 2001:db8:b::1
    # The lines have IPv4 alone: the carrier's router is told of the gateways' MAC addresses.
    for name in old new; do
        ip -n isp -6 neighbour replace fe80::1 dev $name \
            lladdr "$(ip -n $name-gw -j link show dev red0 | jq -r '.[0].address')" nud permanent
    done
}

sites_world() { # WORKERS
    vipd_link=wan_link
    vipd_change="$(sites_change "$1") ${sites_more:-}"
    # What the world copies of the inventory has IPv4 alone.
    gateway_data=$dir/gateway
    mkdir -p "$gateway_data"
    cp "$here/../data/gateway/"*.json "$gateway_data/"
    cp "$gateway_data/inventory.json" "$dir/inventory.json"
    sites_inventory >"$gateway_data/inventory.json"
    vipd_world
    address_sites6
    deliver_to6 old
    name_servers 1883
    local server
    for server in old-s new-s; do
        on "$server" python3 tests/smoke/peers.py says 5683 "$server" &
    done
}

# The gateways begin anew with so many workers.
workers() {
    local site
    for site in old new; do
        stop_gateway $site TERM
        jq ".workers = $1" "$dir/$site.json" >"$dir/more.json"
        mv "$dir/more.json" "$dir/$site.json"
        restart_gateway $site
    done
    wait_until 5 both_alive
}

deliver_to6() { ip -n isp -6 route replace 2001:db8:f::/64 via fe80::1 dev "$1"; }
both_alive() { figure_is old '.peers[0].alive' true && figure_is new '.peers[0].alive' true; }
reload_with() { # old|new, what is made of its configuration
    jq "$2" "$dir/$1.json" >"$dir/more.json"
    mv "$dir/more.json" "$dir/$1.json"
    ctl "$1" reload >/dev/null
}

of_sessions=
sessions() {
    end_sessions
    forged=0
    rm -f "$dir/sessions"
    mkfifo "$dir/sessions"
    on client python3 tests/smoke/sessions.py --to $vip --to $vip6 "$@" <"$dir/sessions" >"$dir/said" &
    of_sessions=$!
    exec 7>"$dir/sessions"
    wait_until 30 grep -q ready "$dir/said"
}
end_sessions() {
    [ -n "$of_sessions" ] || return 0
    echo end >&7
    exec 7>&-
    wait_until 10 fails kill -0 "$of_sessions"
    wait "$of_sessions"
    of_sessions=
}
reports() { grep -c '^{' "$dir/said" || true; }
more_reports() { [ "$(reports)" -gt "$1" ]; }
reported() {
    local before
    before=$(reports)
    echo report >&7
    wait_until 20 more_reports "$before"
    tail -n 1 "$dir/said"
}
# How many sessions there are over IPv4, by what was told last of their numbers.
of_ipv4() { awk '/^\.$/ {n = k; k = 0} /^[0-9]/ {k++} END {print n + 0}' "$dir/said"; }
forged=0
numbers_told() { [ "$(grep -cx '\.' "$dir/said")" -ge "$forged" ]; }

cut_both=
befall() {
    case $1 in
    share) ctl old share "$2" >/dev/null ;;
    deliver) deliver_to "$2" && deliver_to6 "$2" ;;
    line) case $3 in enable) ctl "$2" enable line red ;; *) ctl "$2" mask line red ;; esac >/dev/null ;;
    cut)
        ip -n wan link set old down
        cut_both=1
        ;;
    cut_from) cut_from "$2" ;;
    mend)
        [ -z "$cut_both" ] || ip -n wan link set old up
        cut_both=
        mend_link 2>/dev/null || true
        ;;
    narrow) for site in old new; do ip -n wan link set "$site" mtu 1500; done && ip -n wan link set br0 mtu 1500 ;;
    wide) for site in old new; do ip -n wan link set "$site" mtu 1600; done && ip -n wan link set br0 mtu 1600 ;;
    crash) stop_gateway "$2" KILL && restart_gateway "$2" ;;
    stop) stop_gateway "$2" TERM && restart_gateway "$2" ;;
    mask) reload_with "$2" '.services[].servers[].masked = true' ;;
    unmask) reload_with "$2" '.services[].servers[].masked = false' ;;
    forge)
        forged=$((forged + 1))
        echo numbers >&7
        wait_until 10 numbers_told
        grep '^[0-9]' "$dir/said" | tail -n "$(of_ipv4)" >"$dir/numbers" || true
        on isp python3 tests/smoke/forge.py "$2" $vip 1883 <"$dir/numbers"
        ;;
    wait) sleep "$2" ;;
    *) echo "no such event: $*" >&2 && return 2 ;;
    esac
}

as_at_first() {
    befall mend
    befall wide
    befall unmask old
    befall unmask new
    ctl old enable line red >/dev/null
    befall deliver old
    befall share 0
    wait_until 5 both_alive
    ctl new mask line red --anyway >/dev/null
}
