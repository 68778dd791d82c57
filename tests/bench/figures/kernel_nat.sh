#!/bin/bash
# vipd beside the kernel's own destination NAT, as JSON: make bench-vipd ARGS="edges --only kernel_nat".
#
#     client -- gw (vipd, AF_XDP on veths)  -- server
#            \- nat (nftables' dnat)        -/
#
# In each of ROUNDS rounds (10) each is measured after the other: requests a second with connections that are kept and
# that are not (wrk, nginx), a TCP stream each way (iperf3), the round trip of a datagram.  Each figure: the median of
# vipd's rounds, that of the kernel's, and their ratio.
# shellcheck source=tests/smoke/_init.sh
. "$(dirname "$0")/../../smoke/_init.sh"
rounds=${ROUNDS:-10}
ns client gw nat server
for gateway in gw nat; do
    [ $gateway = gw ] && net=1 || net=2
    veth client $gateway $gateway line0
    veth $gateway servers0 server $gateway
    ip -n client address add "10.9.$net.2/24" dev $gateway
    ip -n server address add "10.1.$net.2/24" dev $gateway
    ip -n client route add "198.51.100.$net" via "10.9.$net.1"
    ip -n server route add "10.9.$net.0/24" via "10.1.$net.1"
done

ip -n nat address add 10.9.2.1/24 dev line0
ip -n nat address add 10.1.2.1/24 dev servers0
ip netns exec nat sysctl -qw net.ipv4.ip_forward=1
on nat nft 'table ip t { chain p { type nat hook prerouting priority dstnat; ip daddr 198.51.100.2 dnat to 10.1.2.2; }; }'

jq -n '
    [["tcp", 80], ["tcp", 5201], ["udp", 7]] as $ports |
    {schema: "rehome/vipd/1", gateway: "gw", control: "/run/rehome/vipd.sock", memory: {mib: 256},
     ports: [{name: "line", device: "af_xdp:line0"}, {name: "servers", device: "af_xdp:servers0"}],
     lines: [{carrier: "isp", enabled: true}],
     services: [$ports[] | {name: "s\(.[1])", vip: "198.51.100.1", protocol: .[0], port: .[1], forward: "nat",
        servers: [{name: "s", address: "10.1.1.2", port: .[1]}]}],
     inventory: {schema: "rehome/inventory/1", prefixes: ["198.51.100.0/24"], carriers: [{name: "isp"}],
        sites: [{name: "home", networks: ["10.1.0.0/16"], gateways: [{name: "gw"}],
            lines: [{carrier: "isp", gateway: "gw", port: "line", address: "10.9.1.1/24", peer: "10.9.1.2"}]}]}}' \
    >"$dir/vipd.json"
on gw vipd run --config "$dir/vipd.json" >"$dir/vipd.log" 2>&1 &
wait_until 20 grep -q ready "$dir/vipd.log"
ip -n gw address add 10.9.1.1/24 dev line
ip -n gw address add 10.1.1.1/24 dev servers

cat >"$dir/nginx.conf" <<END
daemon off; worker_processes 1; pid $dir/nginx.pid; error_log stderr;
events { worker_connections 4096; }
http { access_log off; server { listen 80 reuseport; location / { return 200 "hello\n"; } } }
END
on server nginx -c "$dir/nginx.conf" -e stderr 2>"$dir/nginx.log" &
on server iperf3 -s >"$dir/iperf.log" 2>&1 &
on server "$BUILD/bench/pingpong" serve 7 &

requests() { # VIP [close]: a second
    local header=()
    [ "${2:-}" != close ] || header=(-H "Connection: close")
    on client wrk -t 1 -c 32 -d 2s "${header[@]}" "http://$1/" | awk '$1 == "Requests/sec:" {print $2}'
}
stream() { on client iperf3 -c "$1" -t 2 -J "${@:2}" | jq '.end.sum_received.bits_per_second / 1e6'; } # Mbit/s
trip() { on client "$BUILD/bench/pingpong" ask "$1" 7 1 | jq .median_us; }
declare -A measures=([keepalive]=requests [close]="requests close" [up]=stream [down]="stream -R" [round_trip]=trip)
measure() { # NAME VIP
    local how=()
    read -ra how <<<"${measures[$1]}"
    "${how[0]}" "$2" "${how[@]:1}"
}
for vip in 198.51.100.1 198.51.100.2; do wait_until 10 measure round_trip $vip; done
for ((i = 0; i < rounds; i++)); do
    for name in "${!measures[@]}"; do
        for gateway in $([ $((i % 2)) = 0 ] && echo 1 2 || echo 2 1); do
            measure "$name" "198.51.100.$gateway" >>"$dir/$name.$gateway"
        done
    done
done
median() { jq -s 'sort | .[length / 2 | floor]' "$dir/$1"; }
for name in "${!measures[@]}"; do
    jq -n --arg name "$name" --argjson vipd "$(median "$name.1")" --argjson kernel "$(median "$name.2")" \
        '{($name): {vipd: $vipd, kernel: $kernel, ratio: ($vipd / $kernel * 1000 | round / 1000)}}'
done | jq -s --argjson rounds "$rounds" '{kernel_nat: (add + {rounds: $rounds})}'
