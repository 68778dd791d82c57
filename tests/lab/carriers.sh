# shellcheck shell=bash disable=SC2034,SC2153,SC2154  # fields of rows; the rows are plan's, lab is the sourcing script's
# Three carriers: each a router with a line to either site, and a network of clients behind a wire.
#
#   CARRIER-clients up0 -- a [CARRIER-wire: tests/lab/wire.cpp] b -- clients [CARRIER] old -- old-gw
#                                                                                     new -- new-gw
#
# red and green run BIRD, blue runs FRR.  Kernel tables 101 and 102 hold what the lines to the old
# and the new site offer; carrier.nft drops by them.  green has stragglers (tests/lab/straggle).

declare -A line_table=([old]=101 [new]=102)
straggle_table=110
declare -A wire_default=(
    [red]="delay=8ms jitter=1ms loss=0.1%"
    [green]="delay=15ms jitter=2ms loss=0.1%"
    [blue]="delay=25ms jitter=3ms loss=0.1%"
)
export FRR_CARRIER=blue STRAGGLER=green

# carriers MODE
carriers() {
    local carrier asn clients source row number=0
    for row in "${CARRIERS[@]}"; do
        read -r carrier asn clients source <<<"$row"
        number=$((number + 1))
        ns "$carrier" "$carrier-wire" "$carrier-clients"
        ip netns exec "$carrier" sysctl -qw net.ipv4.ip_forward=1
        client_network "$carrier" "$clients" "$source" "10.250.$number.1" "10.250.$number.2"
        lines "$1" "$carrier"
        feasible_path "$carrier"
    done
}

# client_network CARRIER CLIENTS SOURCE ROUTER HOST: one host that has every address of the network.
client_network() {
    local carrier=$1 clients=$1-clients
    veth "$clients" up0 "$carrier-wire" a
    veth "$carrier-wire" b "$carrier" clients
    ip -n "$carrier" address add "$4/30" dev clients
    ip -n "$clients" address add "$5/30" dev up0
    ip -n "$clients" route add local "$2" dev lo
    ip -n "$clients" route add default via "$4" src "$3"
    ip netns exec "$clients" sysctl -qw net.ipv4.ip_local_port_range="10000 65535"
    ip netns exec "$carrier-wire" sysctl -qw net.ipv4.conf.all.arp_ignore=8
}

# lines MODE CARRIER
lines() {
    local site carrier gateway port address peer asns row
    for row in "${UPLINKS[@]}"; do
        read -r site carrier gateway port address peer asns <<<"$row"
        [ "$carrier" = "$2" ] || continue
        veth "$gateway" "$(device "$1" "$port")" "$carrier" "$site"
        ip -n "$carrier" address add "$peer/${address#*/}" dev "$site"
        port "$1" "$gateway" "$port" 1500 "$address"
    done
}

feasible_path() {
    local site
    for site in old new; do
        ip -n "$1" route add unreachable default metric 4294967295 table "${line_table[$site]}"
        ip -n "$1" rule add fwmark "${line_table[$site]}" lookup "${line_table[$site]}" priority 100
    done
    fill carrier.nft PREFIXES="$(join_prefixes)" | ip netns exec "$1" nft -f -
}

start_wires() {
    local carrier row settings
    for row in "${CARRIERS[@]}"; do
        carrier=${row%% *}
        read -ra settings <<<"${wire_default[$carrier]}"
        daemon "$carrier-wire" wire "$BUILD/lab/wire" run --up a --down b --seed 1 \
            --control "/run/rehome/$carrier-wire/wire.sock" \
            --record "/run/rehome/$carrier-wire/packets" "${settings[@]}"
    done
}

carrier_routers() {
    local carrier asn clients source row number=0
    for row in "${CARRIERS[@]}"; do
        read -r carrier asn clients source <<<"$row"
        number=$((number + 1))
        mkdir -p "/run/rehome/$carrier"
        if [ "$carrier" = "$FRR_CARRIER" ]; then
            frr "$carrier" "$asn" "$clients" "10.250.$number"
        else
            carrier_bird "$carrier" "$asn" "$clients" "10.250.$number"
        fi
        [ "$carrier" != "$STRAGGLER" ] || stragglers "$carrier"
    done
}

# carrier_bird CARRIER ASN CLIENTS NET
carrier_bird() {
    local dir=/run/rehome/$1 site carrier gateway port address peer peer_asn asn row
    {
        fill carrier.bird.conf CARRIER="$1" ROUTER_ID="$4.1" CLIENTS="$3" CLIENT_ROUTER="$4.2" \
            PREFIXES="$(join_prefixes)"
        for row in "${UPLINKS[@]}"; do
            read -r site carrier gateway port address peer peer_asn asn <<<"$row"
            [ "$carrier" = "$1" ] || continue
            fill carrier-line.bird.conf LINE="$site" TABLE="${line_table[$site]}" \
                ADDRESS="$peer" ASN="$peer_asn" PEER="${address%/*}" PEER_ASN="$asn"
        done
    } >"$dir/bird.conf"
    daemon "$1" bird bird -f -c "$dir/bird.conf" -s "$dir/bird.ctl"
}

# frr CARRIER ASN CLIENTS NET
frr() {
    local dir=/run/rehome/$1 site carrier gateway port address peer peer_asn asn row
    local -A customer=() customer_asn=()
    for row in "${UPLINKS[@]}"; do
        read -r site carrier gateway port address peer peer_asn asn <<<"$row"
        [ "$carrier" != "$1" ] || customer[$site]=${address%/*} customer_asn[$site]=$asn
    done
    install -d -o frr -g frr /run/frr
    chown frr:frr "$dir"
    fill carrier.frr.conf CARRIER="$1" ASN="$2" CLIENTS="$3" ROUTER_ID="$4.1" \
        PREFIX_1="${PREFIXES[0]}" PREFIX_2="${PREFIXES[1]}" \
        OLD="${customer[old]}" OLD_ASN="${customer_asn[old]}" \
        NEW="${customer[new]}" NEW_ASN="${customer_asn[new]}" >"$dir/bgpd.conf"
    echo "ip route $3 $4.2" >"$dir/staticd.conf"
    : >"$dir/zebra.conf"
    : >"$dir/updates.log"
    chown frr:frr "$dir"/*.conf "$dir/updates.log"
    daemon "$1" feasible-frr bash "$lab/feasible-frr" "$dir/updates.log" \
        "old:${customer[old]}:${line_table[old]}" "new:${customer[new]}:${line_table[new]}"
    for program in zebra staticd bgpd; do
        daemon "$1" "$program" "/usr/lib/frr/$program" -f "$dir/$program.conf" -i "$dir/$program.frr"
        wait_until 5 test -S "/run/frr/$program.vty"
    done
}

stragglers() {
    ip -n "$1" rule add iif clients lookup "$straggle_table" priority 50
    daemon "$1" straggle bash "$lab/straggle" "${line_table[old]}" "$straggle_table" \
        "/run/rehome/$1/bird.ctl"
}

# Packets dropped for a source that was not announced on their line, as JSON.
spoofed() {
    local row carrier line count total=0 carriers="" lines
    for row in "${CARRIERS[@]}"; do
        carrier=${row%% *} lines=""
        for line in old new; do
            count=$(ip netns exec "$carrier" nft list counter ip carrier "spoofed_$line" |
                sed -n 's/.*packets \([0-9]*\).*/\1/p')
            lines+=${lines:+, }"\"$line\": $count"
            total=$((total + count))
        done
        carriers+=${carriers:+, }"\"$carrier\": {$lines}"
    done
    echo "{\"schema\": \"rehome/lab-spoofed/1\", \"carriers\": {$carriers}, \"total\": $total}"
}
