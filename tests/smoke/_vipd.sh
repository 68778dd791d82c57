# shellcheck shell=bash
# A small world for vipd: one client behind one carrier, an old and a new gateway, a server each.
#
#     client 10.9.0.2 -- isp -- red -- old-gw -- servers -- old-s 10.1.0.2
#                           \-- red -- new-gw -- servers -- new-s 172.20.0.2
#     old-gw -- link -- new-gw; the VIP is 198.51.100.10:1883
#
#   vipd_world            builds it, starts both gateways; the carrier delivers to the old one
#   deliver_to old|new    where the carrier sends the prefix
#   ctl old|new CMD...    vipctl
#   stop_gateway old|new SIGNAL, start_gateway old|new
#   figure old|new .path  one figure of vipctl status (jq's syntax)
#   name_servers PORT     servers that say their names, old-s and new-s
#   say [PORT]            who answers somebody new
#   served_by NAME [PORT] whether that is who does
#
# The gateways are those of tests/data/gateway; $vipd_change is what the test makes of their
# configuration (jq's syntax).  $dir is a folder of the test's own (_init.sh).
: "${dir:?}" "${here:?}"
vipd_change=${vipd_change:-.}

gateway_data=$here/../data/gateway

vipd_config() { # old|new SERVER ENABLED
    jq --arg name "$1" --arg server "$2" --argjson enabled "$3" '.gateway = "\($name)-gw" |
        .control = "/run/rehome/\($name).sock" | .reset_log = "/run/rehome/\($name).resets" |
        .lines[0].enabled = $enabled | .services[0].servers[0].address = $server' "$gateway_data/vipd.json" |
        jq "$vipd_change"
}

start_gateway() { # old|new
    : >"$dir/$1.log" # the run before was ready too
    on "$1-gw" vipd run --config "$dir/$1.json" >"$dir/$1.log" 2>&1 &
    wait_until 20 ready_or_gone "$1" $!
    grep -q ready "$dir/$1.log" || { cat "$dir/$1.log" >&2; return 1; }
}
ready_or_gone() { grep -q ready "$dir/$1.log" || fails kill -0 "$2"; }

# After a crash: the kernel frees a killed vipd's sockets some time after its process has gone, and gives
# its ports to nobody until then.
restart_gateway() { # old|new
    local tries
    for tries in {1..20}; do
        start_gateway "$1" 2>"$dir/$1.refused" && return
        grep -q 'another' "$dir/$1.refused" || break
    done
    echo "not started in $tries tries" >&2
    cat "$dir/$1.refused" >&2
    return 1
}

stop_gateway() { # old|new SIGNAL
    local pid
    pid=$(pgrep -f "^vipd run --config $dir/$1.json")
    kill -"$2" "$pid"
    wait_until 10 fails pgrep -f "^vipd run --config $dir/$1.json"
}

# Addresses stand on the twins, which vipd has made.
address_gateway() { # old|new LINE SERVERS LINK PEER
    ip -n "$1-gw" address add "$2" dev red
    ip -n "$1-gw" address add "$3" dev servers
    ip -n "$1-gw" address add "$4" dev link
    ip -n "$1-gw" route add 10.9.0.0/24 via "$5"
}

deliver_to() {
    local via
    [ "$1" = old ] && via=100.64.1.2 || via=100.64.2.2
    ip -n isp route replace 198.51.100.0/24 via "$via"
}

ctl() { vipctl "${@:2}" --socket "$dir/$1.sock"; }
figure() { ctl "$1" status --json | jq -c "$2"; }
figure_is() { [ "$(figure "$1" "$2")" = "$3" ]; }

name_servers() {
    local server
    for server in old-s new-s; do on "$server" python3 tests/smoke/peers.py names "$1" "$server" & done
}
say() { on client python3 tests/smoke/peers.py ask 198.51.100.10 "${1:-1883}"; }
served_by() { [ "$(say "${2:-1883}")" = "$1" ]; }

direct_link() { veth old-gw link0 new-gw link0 1600; }

# The gateways' link through a namespace, where it can be cut one way or both: cut_from old|new, cut_link,
# mend_link; and where what is longer than so many bytes is lost without a word: link_carries BYTES.
wan_link() {
    ns wan
    ip -n wan link add br0 type bridge
    ip -n wan link set br0 mtu 1600 up
    for site in old new; do
        veth "$site-gw" link0 wan "$site" 1600
        ip -n wan link set "$site" master br0
    done
}
cut_from() { on wan nft "table bridge cut { chain f { type filter hook forward priority 0; iifname $1 drop; }; }"; }
link_carries() { ip -n wan link set old mtu "$1" && ip -n wan link set new mtu "$1"; }
cut_link() { on wan nft "table bridge cut { chain f { type filter hook forward priority 0; drop; }; }"; }
mend_link() { on wan nft delete table bridge cut; }

vipd_world() {
    ns client isp old-gw new-gw old-s new-s
    veth client c0 isp c0
    veth isp old old-gw red0
    veth isp new new-gw red0
    veth old-gw srv0 old-s eth0
    veth new-gw srv0 new-s eth0
    ${vipd_link:-direct_link}
    ip -n client address add 10.9.0.2/24 dev c0
    ip -n client route add default via 10.9.0.1
    ip netns exec isp sysctl -qw net.ipv4.ip_forward=1
    ip -n isp address add 10.9.0.1/24 dev c0
    ip -n isp address add 100.64.1.1/30 dev old
    ip -n isp address add 100.64.2.1/30 dev new
    ip -n old-s address add 10.1.0.2/24 dev eth0
    ip -n old-s route add default via 10.1.0.1
    ip -n new-s address add 172.20.0.2/24 dev eth0
    ip -n new-s route add default via 172.20.0.1
    cp "$gateway_data/inventory.json" "$dir/inventory.json"
    vipd_config old 10.1.0.2 true >"$dir/old.json"
    vipd_config new 172.20.0.2 false >"$dir/new.json"
    start_gateway old
    start_gateway new
    address_gateway old 100.64.1.2/30 10.1.0.1/24 10.99.0.1/30 100.64.1.1
    address_gateway new 100.64.2.2/30 172.20.0.1/24 10.99.0.2/30 100.64.2.1
    deliver_to old
    wait_until 5 figure_is old '.peers[0].alive' true
    wait_until 5 figure_is new '.peers[0].alive' true
}
