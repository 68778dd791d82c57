#!/bin/bash
# What lbsync proves of two rule sets is what packets meet in two kernels' namespaces, NAT included:
# rule_packets.py's table of pairs, and random ones (seed 13).
# shellcheck source=tests/smoke/_init.sh
. "$(dirname "$0")/_init.sh"

for side in a b; do
    ns6 $side-from $side-gw $side-to
    veth $side-from f0 $side-gw l0
    veth $side-gw r0 $side-to t0
    ip -n $side-gw link set l0 address 02:00:00:00:00:01
    ip -n $side-gw address add 10.255.0.1/24 dev l0
    ip -n $side-gw address add 10.254.0.1/24 dev r0
    ip -n $side-gw address add fd00:1::1/64 dev l0
    ip -n $side-gw address add fd00:2::1/64 dev r0
    ip -n $side-gw neighbor replace 10.255.0.2 lladdr 02:00:00:00:00:02 dev l0
    for next in 10.254.0.2 fd00:2::2; do
        ip -n $side-gw neighbor replace $next lladdr 02:00:00:00:00:03 dev r0
    done
    ip -n $side-gw route add default via 10.254.0.2
    for net in 198.51.0.0/16 10.1.0.0/16; do ip -n $side-gw route add $net via 10.255.0.2; done
    on $side-gw sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv4.icmp_ratelimit=0 \
        net.ipv4.icmp_msgs_per_sec=100000 net.ipv4.icmp_msgs_burst=100000
done

echo "# packets meet what was proven of the rules"
python3 tests/smoke/rule_packets.py 13 25
