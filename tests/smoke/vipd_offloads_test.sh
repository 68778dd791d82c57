#!/bin/bash
# A newcomer's host: offloads left on at the other ends of vipd's devices, and AF_PACKET.  Checksums that were left to a
# device are finished, what was left to be cut is counted and told, datagrams of 8 KB pass.
. "$(dirname "$0")/_init.sh"
# shellcheck source=tests/smoke/_vipd.sh
. "$here/_vipd.sh"
# shellcheck disable=SC2034 # read by _vipd.sh
vipd_change='.services += [
    {name: "bulk", protocol: "tcp", vip: "198.51.100.20", port: 80, forward: "nat",
     servers: [.services[0].servers[0] | .port = 8080]},
    {name: "echo", protocol: "udp", vip: "198.51.100.20", port: 7, forward: "nat",
     servers: [.services[0].servers[0] | .port = 7007]}]'
vipd_world
name_servers 1883
for server in old-s new-s; do
    on $server python3 tests/smoke/peers.py mirror 8080 &
    on $server python3 tests/smoke/peers.py datagrams :: 7007 &
done
client() { on client python3 tests/smoke/peers.py "$@"; }
ports() { ctl old stats --json | jq -e "[.ports[] | select(.port == (\"red\", \"servers\"))] | $1" >/dev/null; }
offloads() { # on|off, at the other ends
    ip netns exec old-s ethtool -K eth0 tx "$1" >/dev/null
    ip netns exec isp ethtool -K old tx "$1" >/dev/null
    ip netns exec client ethtool -K c0 tx "$1" >/dev/null
}
all_pass() {
    [ "$(say)" = old-s ]
    [ "$(client bulk 198.51.100.20 80 1000000)" = 10.9.0.2 ]
    client datagram 198.51.100.20 7 1000
    client datagram 198.51.100.20 7 8192
    on old-s ping -c 1 -W 2 10.1.0.1 # a twin: what the kernel gets is whole too
}

for driver in af_xdp af_packet; do
    echo "$driver, checksums left to the device"
    stop_gateway old TERM
    jq --arg driver "$driver" '.ports[].device |= sub("^[a-z_]*"; $driver)' "$dir/old.json" >"$dir/more.json"
    mv "$dir/more.json" "$dir/old.json"
    restart_gateway old
    wait_until 5 served_by old-s
    ports 'all(.finished_checksums == 0)'
    offloads on
    all_pass
    ports 'all(.finished_checksums > 0 and .super_packets == 0)'
    said_so() { [ "$(grep -c 'lacks checksums, which vipd finishes; at its other end: ethtool -K IF tx off' "$dir/old.log")" = 2 ]; }
    wait_until 3 said_so # once a port
    offloads off
done

echo "segments left to be cut"
ip netns exec old-s ethtool -K eth0 sg on tx on tso on gso on >/dev/null
client bulk 198.51.100.20 80 1000000 >/dev/null || true
ports 'any(.super_packets > 0)'
ctl old stats --json | jq -e '.drops.super_packet > 0' >/dev/null
wait_until 3 grep -q 'TCP segments beyond the MTU come to srv0.*ethtool -K IF tso off gso off' "$dir/old.log"

echo "what is on is said at start, where both ends can be looked at"
ip -n old-gw link add spare0 type veth peer name spare1
ip netns exec old-gw ethtool -K spare0 gro on >/dev/null
ip netns exec old-gw ethtool -K spare1 tx on tso off gso off >/dev/null
stop_gateway old TERM
jq '.ports += [{name: "spare", device: "af_packet:spare0"}]' "$dir/old.json" >"$dir/more.json"
mv "$dir/more.json" "$dir/old.json"
restart_gateway old
grep 'port spare: spare0 may merge TCP segments (gro), .*; ethtool -K spare0 gro off$' "$dir/old.log"
grep 'port spare: spare1, the other end of spare0, leaves work to the device (tx); ethtool -K spare1 tx off$' "$dir/old.log"
fails grep 'port red: .*the other end' "$dir/old.log" # in another namespace
