# shellcheck shell=bash disable=SC2034,SC2153,SC2154  # fields of rows; the rows are plan's, lab is the sourcing script's
# The two sites: a gateway, a LAN with servers, and the link between the gateways.
#
#              red0 green0 blue0               (veth ends to the carriers)
#                  \  |  /
#     link0 ------ SITE-gw ------ srv0 ---- SITE-lan (a bridge) ---- eth0 of each SITE-sN
#
# With two gateways a site (two_gateways.jq) all link0 meet in a bridge, "links", and each gateway has a pool for source
# NAT, so that servers answer to the gateway that knows the flow.
#
# Mode rehome: DPDK owns the veth ends, addresses stand on persistent TAP twins named by the port
# (red, green, blue, servers, link).  Mode kernel: the veth ends have the ports' names and the
# addresses.  So that BIRD, routes and rule sets are the same in both.

declare -A gateway_address=([old-gw]=10.1.1.1/24 [old-gw2]=10.1.1.2/24 [new-gw]=172.20.5.1/24 [new-gw2]=172.20.5.2/24)
declare -A gateway_pool=([old-gw]=10.1.9.0/28 [old-gw2]=10.1.9.16/28 [new-gw]=172.20.9.0/28 [new-gw2]=172.20.9.16/28)
link_mtu=1600 # 1,500 bytes and the tunnel

# sites MODE
sites() {
    local mode=$1 site gateway rest row
    for site in old new; do bridge "$site-lan"; done
    for row in "${GATEWAYS[@]}"; do
        read -r site gateway rest <<<"$row"
        ns "$gateway"
        ip netns exec "$gateway" sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.arp_ignore=1
        bridged "$site-lan" "$gateway" "$(device "$mode" servers)" 1500
        port "$mode" "$gateway" servers 1500 "${gateway_address[$gateway]}"
    done
    links_between_gateways "$mode"
    servers
}

# bridge NS: a namespace that is a switch.
bridge() {
    ns "$1"
    ip -n "$1" link add br0 type bridge stp_state 0 forward_delay 0
    ip -n "$1" link set br0 up
}

# bridged BRIDGE HOST DEVICE MTU: connects a host's device to a switch.
bridged() {
    veth "$2" "$3" "$1" "$2" "$4"
    ip -n "$1" link set dev "$2" master br0
}

links_between_gateways() {
    local mode=$1 device site gateway tunnel rest row far=(10.99.0.2 10.99.0.1) network=(172.20.0.0/16 10.1.0.0/16) end
    device=$(device "$mode" link)
    if [ "${#GATEWAYS[@]}" = 2 ]; then
        veth old-gw "$device" new-gw "$device" "$link_mtu"
    else
        bridge links
    fi
    for row in "${GATEWAYS[@]}"; do
        read -r site gateway tunnel rest <<<"$row"
        [ "${#GATEWAYS[@]}" = 2 ] || bridged links "$gateway" "$device" "$link_mtu"
        [ "$site" = old ] && end=0 || end=1
        link_end "$mode" "$gateway" "$tunnel/29" "${network[end]}" "${far[end]}"
    done
}

# The veth end that a port of a gateway uses.
device() {
    [ "$1" = kernel ] && echo "$2" && return
    case $2 in
    servers) echo srv0 ;;
    *) echo "${2}0" ;;
    esac
}

# port MODE GATEWAY PORT MTU ADDRESS/LEN: puts a port's address where it belongs.
port() {
    local mode=$1 gateway=$2 port=$3 mtu=$4 address=$5 device mac
    device=$(device "$mode" "$port")
    if [ "$mode" = rehome ]; then
        mac=$(ip netns exec "$gateway" cat "/sys/class/net/$device/address")
        ip -n "$gateway" tuntap add "$port" mode tap
        ip -n "$gateway" link set dev "$port" address "$mac" mtu "$mtu" up
    fi
    ip -n "$gateway" address add "$address" dev "$port"
}

# link_end MODE GATEWAY ADDRESS/LEN FAR_NETWORK FAR_GATEWAY
link_end() {
    port "$1" "$2" link "$link_mtu" "$3"
    ip -n "$2" route add "$4" via "$5" dev link
}

servers() {
    local site host address row
    for row in "${SERVERS[@]}"; do
        read -r site host address <<<"$row"
        ns "$host"
        bridged "$site-lan" "$host" eth0 1500
        ip -n "$host" address add "$address/24" dev eth0
        ip -n "$host" route add default via "${gateway_address[$site-gw]%/*}"
        [ "${#GATEWAYS[@]}" = 2 ] ||
            ip -n "$host" route add "${gateway_pool[$site-gw2]}" via "${gateway_address[$site-gw2]%/*}"
    done
}

# gateway_routers: BIRD on each gateway; the old site announces on all lines, the new on none.
gateway_routers() {
    local site gateway tunnel asn announce control state row
    for row in "${GATEWAYS[@]}"; do
        read -r site gateway tunnel asn announce control <<<"$row"
        [ "$site" = old ] && state=2 || state=0
        mkdir -p "${announce%/*}"
        announce_all "$state" >"$announce"
        {
            fill gateway.bird.conf HOST="$gateway" ROUTER_ID="$tunnel" ASN="$asn" \
                ANNOUNCE="$announce" PREFIXES="$(join_prefixes)"
            gateway_lines "$gateway" "$asn"
        } >"/run/rehome/$gateway/bird.conf"
        daemon "$gateway" bird bird -f -c "/run/rehome/$gateway/bird.conf" -s "$control"
    done
}

announce_all() {
    local row
    for row in "${CARRIERS[@]}"; do
        echo "define state_${row%% *} = $1;"
    done
}

# gateway_lines GATEWAY ASN: one BGP protocol for each of its lines.
gateway_lines() {
    local site carrier gateway port address peer peer_asn asn row
    for row in "${UPLINKS[@]}"; do
        read -r site carrier gateway port address peer peer_asn asn <<<"$row"
        [ "$gateway" = "$1" ] || continue
        fill gateway-line.bird.conf CARRIER="$carrier" ADDRESS="${address%/*}" ASN="$asn" \
            PEER="$peer" PEER_ASN="$peer_asn" PREFIXES="$(join_prefixes)"
    done
}

join_prefixes() {
    local joined
    printf -v joined '%s, ' "${PREFIXES[@]}"
    echo "${joined%, }"
}

# fill TEMPLATE NAME=VALUE...: the template's @NAME@ become VALUE; a name left over is an error.
fill() {
    local text pair
    text=$(<"$lab/$1")
    for pair in "${@:2}"; do
        text=${text//@${pair%%=*}@/"${pair#*=}"}
    done
    if [[ $text =~ @[A-Z_]+@ ]]; then
        echo "lab: $1: ${BASH_REMATCH[0]} is not filled in" >&2
        return 3
    fi
    printf '%s\n' "$text"
}
