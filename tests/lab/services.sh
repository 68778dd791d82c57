# shellcheck shell=bash disable=SC2034,SC2153,SC2154  # fields of rows; the rows are plan's, lab is the sourcing script's
# What runs at the sites: brokers, reflectors, rule sets, and vipd or the kernel's own NAT.

# A broker on every server.  Each hands what its clients publish below m/ to the three others, where
# it stands below x/, which nobody hands on: so it is everywhere once, and nothing circles.
brokers() {
    local site host address peer_site peer peer_address row peer_row config
    for row in "${SERVERS[@]}"; do
        read -r site host address <<<"$row"
        config=/run/rehome/$host/mosquitto.conf
        mkdir -p "/run/rehome/$host"
        {
            fill mosquitto.conf
            for peer_row in "${SERVERS[@]}"; do
                read -r peer_site peer peer_address <<<"$peer_row"
                [ "$peer" = "$host" ] ||
                    fill mosquitto-bridge.conf HOST="$host" PEER="$peer" ADDRESS="$peer_address"
            done
        } >"$config"
        daemon "$host" mosquitto mosquitto -c "$config"
    done
}

reflectors() {
    local site host address row
    [ -x "$BUILD/bin/probe" ] || { echo "no probe in $BUILD/bin: no reflectors"; return 0; }
    for row in "${SERVERS[@]}"; do
        read -r site host address <<<"$row"
        daemon "$host" reflect "$BUILD/bin/probe" reflect --port 862
    done
}

# The old site has its policies, the new one only the base that both share.
policies() {
    local site host rest row
    for row in "${GATEWAYS[@]}" "${SERVERS[@]}"; do
        read -r site host rest <<<"$row"
        ip netns exec "$host" nft -f "$lab/base.nft"
        [ ! -e "$lab/$host.nft" ] || ip netns exec "$host" nft -f "$lab/$host.nft"
        [ ! -e "$lab/$host.ipset" ] || ip netns exec "$host" ipset restore <"$lab/$host.ipset"
        [ ! -e "$lab/$host.rules" ] || ip netns exec "$host" iptables-nft-restore <"$lab/$host.rules"
    done
    [ "${#GATEWAYS[@]}" = 2 ] || for host in old-s1 old-s2; do # clients come as addresses of pools
        ip netns exec "$host" nft add element inet service clients "{ 10.1.0.0/16 }"
    done
}

# A second gateway has the configuration of its site's first, with its own lines; with two each has a pool.
gateways_vipd() {
    local site host rest row
    for row in "${GATEWAYS[@]}"; do
        read -r site host rest <<<"$row"
        if [ "${#GATEWAYS[@]}" = 2 ]; then
            cp "$lab/$host.vipd.json" "/run/rehome/$host/vipd.json"
        else
            jq --slurpfile inventory /run/rehome/lab.json --arg site "$site" --arg host "$host" \
                --arg pool "${gateway_pool[$host]}" -f "$lab/one_of_two.jq" "$lab/$site-gw.vipd.json" \
                >"/run/rehome/$host/vipd.json"
        fi
        daemon "$host" vipd "$BUILD/bin/vipd" run --config "/run/rehome/$host/vipd.json"
    done
}

# The same services by the kernel alone: NAT per flow, the prefixes held as vipd would hold them.
gateways_kernel() {
    local site host rest row prefix
    for row in "${GATEWAYS[@]}"; do
        read -r site host rest <<<"$row"
        kernel_nat "$site" | ip netns exec "$host" nft -f -
        for prefix in "${PREFIXES[@]}"; do
            ip -n "$host" route add blackhole "$prefix" proto 201
        done
    done
    for row in "${SERVICES[@]}"; do
        for host in old-gw new-gw; do # who is pinged at a VIP answers
            ip -n "$host" address replace "${row%% *}/32" dev lo
        done
    done
}

# kernel_nat SITE: a flow's server is a hash of the client's address and port.
kernel_nat() {
    local vip protocol port server_port old new row servers element i
    echo "table ip services {"
    echo "  chain prerouting {"
    echo "    type nat hook prerouting priority dstnat; policy accept;"
    for row in "${SERVICES[@]}"; do
        read -r vip protocol port server_port old new <<<"$row"
        [ "$1" = old ] || old=$new
        IFS=, read -ra servers <<<"$old"
        element=""
        for ((i = 0; i < ${#servers[@]}; i++)); do
            element+="${element:+, }$i : ${servers[i]} . $server_port"
        done
        echo "    ip daddr $vip $protocol dport $port dnat ip addr . port to" \
            "jhash ip saddr . $protocol sport mod ${#servers[@]} map { $element }"
    done
    echo "  }"
    echo "}"
}
