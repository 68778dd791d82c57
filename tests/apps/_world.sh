# shellcheck shell=bash
# A gateway alone between clients and a server, for real applications: each address below is served in IPv4 and IPv6
# by one kind of service.
#
#     client -- isp -- line -- gw -- servers -- server
#     far -- router -- 1,300 bytes -- isp             behind a path that is narrow in the middle
#
#   apps_world              builds it; $dir and $here are _init.sh's
#   vip nat|map|tunnel 4|6  the service's address
#   address_of CLIENT 4|6
: "${dir:?}" "${here:?}"

declare -A vip4=([nat]=198.51.100.10 [tunnel]=198.51.100.11 [map]=198.51.100.70)
declare -A vip6=([nat]=2001:db8:f::10 [tunnel]=2001:db8:f::11 [map]=2001:db8:f:0:5::70)
vip() { [ "$2" = 4 ] && echo "${vip4[$1]}" || echo "${vip6[$1]}"; }

# The ports of the applications, each served by nat and by tunnel in both families; a map has them all.
apps_config() {
    jq -n '
        [["ssh", "tcp", 22], ["http", "tcp", 80], ["https", "tcp", 443], ["dns", "udp", 53], ["iperf", "tcp", 5201],
         ["iperf-udp", "udp", 5201]] as $ports |
        def service(name; vip; port): {name: (name + "-" + port[0]), vip: vip, protocol: port[1], port: port[2]};
        def nat(name; vip; server): $ports[] as $port | service(name; vip; $port) +
            {forward: "nat", servers: [{name: "s", address: server, port: $port[2]}]};
        def tunnel(name; vip; server): $ports[] as $port | service(name; vip; $port) +
            {forward: "tunnel", encapsulation: "ipip", servers: [{name: "s", address: server}]};
        {schema: "rehome/vipd/1", gateway: "gw", control: "/run/rehome/vipd.sock", memory: {mib: 256},
         ports: [{name: "line", device: "af_xdp:line0"}, {name: "servers", device: "af_xdp:servers0"}],
         lines: [{carrier: "isp", enabled: true}],
         server_tunnels_from: ["10.1.0.1", "2001:db8:a::1"],
         services: [nat("nat4"; "198.51.100.10"; "10.1.0.2"), nat("nat6"; "2001:db8:f::10"; "2001:db8:a::2"),
            tunnel("tunnel4"; "198.51.100.11"; "10.1.0.2"), tunnel("tunnel6"; "2001:db8:f::11"; "2001:db8:a::2")],
         maps: [{name: "map4", vip_prefix: "198.51.100.64/26", server_prefix: "10.1.5.64/26"},
            {name: "map6", vip_prefix: "2001:db8:f:0:5::/80", server_prefix: "2001:db8:a:0:5::/80"}],
         inventory: {schema: "rehome/inventory/1", prefixes: ["198.51.100.0/24", "2001:db8:f::/64"],
            carriers: [{name: "isp"}],
            sites: [{name: "home", networks: ["10.1.0.0/16", "2001:db8:a::/64"], gateways: [{name: "gw"}],
                lines: [{carrier: "isp", gateway: "gw", port: "line", address: "100.64.1.2/30", peer: "100.64.1.1"}]}]}}'
}

forwarding() { ip netns exec "$1" sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1; }
address() { # NAMESPACE DEVICE ADDRESS...
    local one
    for one in "${@:3}"; do
        case $one in
        *:*) ip -n "$1" address add "$one" dev "$2" nodad ;;
        *) ip -n "$1" address add "$one" dev "$2" ;;
        esac
    done
}

apps_wires() {
    ns6 client far router isp gw server
    veth client c0 isp client
    veth far f0 router far
    veth router wan isp narrow 1300
    veth isp line gw line0
    veth gw servers0 server eth0
    forwarding isp
    forwarding router
    address client c0 10.9.0.2/24 2001:db8:c::2/64
    address isp client 10.9.0.1/24 2001:db8:c::1/64
    address far f0 10.8.0.2/24 2001:db8:d::2/64
    address router far 10.8.0.1/24 2001:db8:d::1/64
    address router wan 10.7.0.2/24 2001:db8:e::2/64
    address isp narrow 10.7.0.1/24 2001:db8:e::1/64
    address isp line 100.64.1.1/30
    address server eth0 10.1.0.2/24 10.1.5.70/24 2001:db8:a::2/64 2001:db8:a:0:5::70/64
    ip -n client route add default via 10.9.0.1
    ip -n client route add default via 2001:db8:c::1
    ip -n far route add default via 10.8.0.1
    ip -n far route add default via 2001:db8:d::1
    ip -n router route add default via 10.7.0.1
    ip -n router route add default via 2001:db8:e::1
    ip -n isp route add 10.8.0.0/24 via 10.7.0.2
    ip -n isp route add 2001:db8:d::/64 via 2001:db8:e::2
    ip -n isp route add 198.51.100.0/24 via 100.64.1.2
    ip -n server route add default via 10.1.0.1
    ip -n server route add default via 2001:db8:a::1
}

# The far end of the tunnels, at the server: it takes them off, and has the VIPs itself.
apps_tunnels() {
    local kind
    address server lo "${vip4[tunnel]}/32" "${vip6[tunnel]}/128"
    ip netns exec server sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0
    for kind in ipip ip6ip6; do
        ip -n server tuntap add mode tun dev $kind
        ip -n server link set dev $kind up
        on server python3 tests/smoke/decapsulate.py $kind $kind &
    done
}

apps_gateway() {
    apps_config >"$dir/vipd.json"
    on gw vipd run --config "$dir/vipd.json" >"$dir/vipd.log" 2>&1 &
    wait_until 20 grep ready "$dir/vipd.log"
    address gw line 100.64.1.2/30
    address gw servers 10.1.0.1/24 10.1.5.1/24 2001:db8:a::1/64
    ip -n gw route add default via 100.64.1.1
    # A line has addresses of one family: the other's next hops are link-local.
    address gw line fe80::2/64
    address isp line fe80::1/64
    ip -n gw route add default via fe80::1 dev line
    ip -n isp route add 2001:db8:f::/64 via fe80::2 dev line
    # The routers have met, as they have by BGP.
    wait_until 5 on gw ping -c 1 -W 1 fe80::1%line
    wait_until 5 on gw ping -c 1 -W 1 100.64.1.1
}

apps_world() {
    apps_wires
    apps_gateway
    apps_tunnels
}
