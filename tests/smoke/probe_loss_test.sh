#!/bin/bash
# Whose loss it is: what this host lost, or had no way for, is never blamed on the carrier.  The
# truth is the line's own log.
# shellcheck source=tests/smoke/_init.sh
. "$(dirname "$0")/_init.sh"
# shellcheck source=tests/smoke/_probe.sh
. "$here/_probe.sh"

line_world
on right python3 -c 'import socket, signal
held = socket.create_server(("198.51.100.10", 1883)); signal.pause()' &
on right probe reflect >"$dir/reflect.txt" &
wait_until 5 sh -c 'ip netns exec right ss -Hltun | grep -q "198.51.100.10:1883" &&
    ip netns exec right ss -Hltun | grep -q "\[::\]:862"'

# begin PACKETS ARGS...: a run of icmp and tcp in the background, by its process $running, of which so
# many packets have left.
begin() {
    mark_sent red
    ip netns exec left probe run --carrier red --source 100.80.1.200 --target 198.51.100.10:1883 --icmp --tcp \
        --wait 200 --out "$dir/run.json" "${@:2}" >"$dir/run.txt" 2>"$dir/run.err" &
    running=$!
    wait_until 10 has_sent red "$1"
}

# Lines of the line's log about probes of a kind: icmp's are the frames of 66 bytes, tcp's SYNs have
# the flag alone.
logged() { "$BUILD/lab/wire" log "$dir/packets" | sed -n "/$1 .*$2/p"; }
logged_are() { [ "$(logged "$1" "$2" | wc -l)" = "$3" ]; }
icmp='proto 1 .* 66 B:'
syn='proto 6 .* flags 02'

echo "# the line loses 5 %: as many as its log says, all on the path"
line_set loss=5%
run_left --icmp --count 1000 --rate 1000 --wait 200 >"$dir/run.json"
line_set loss=0
wait_until 3 logged_are 'up  ' "$icmp" 1000
lost=$(logged '' "$icmp lost" | wc -l)
wanted "$dir/run.json" "icmp['sent'] == 1000 and icmp['lost'] == icmp['on_path'] == $lost > 10"
fits probe <"$dir/run.json"

echo "# a pause of 3 s: its slots are skipped, nothing leaves as a burst, and nothing is lost"
begin 100 --count 200 --rate 150
kill -STOP $running
sleep 3
kill -CONT $running
ends 0 $running
wanted "$dir/run.json" 'all(k["sent"] == k["received"] == 200 and k["own"]["skipped"] >= 400
    and k["own"]["longest_pause_ms"] > 2500 for k in kinds)'
wait_until 3 logged_are 'up  ' "$syn" 200
logged 'up  ' "$syn" | python3 -c '
import sys
from datetime import datetime
at = [datetime.fromisoformat(line.split()[0].rstrip("Z")).timestamp() for line in sys.stdin]
most = max(sum(t <= u < t + .02 for u in at[i:i + 20]) for i, t in enumerate(at))
assert most <= 8, f"{most} SYNs within 20 ms"
assert max(b - a for a, b in zip(at, at[1:])) > 2.5, "no pause"'

echo "# the route is withdrawn in the middle: no way out, which is no loss and no good end"
begin 200 --count 300 --rate 400
ip -n left route del 198.51.100.0/24
ends 3 $running
ip -n left route add 198.51.100.0/24 via 100.80.1.1
wanted "$dir/run.json" 'all(k["lost"] == 0 and k["sent"] + k["no_way_out"]["count"] == 300 and k["sent"] > 20
    and k["no_way_out"]["count"] > 20 and k["no_way_out"]["why"].startswith("route: ") for k in kinds)'
fits probe <"$dir/run.json"
grep -q '^icmp 198.51.100.10: no way out for .*route: the kernel has no route' "$dir/run.err"

echo "# the link goes down in the middle"
begin 200 --count 300 --rate 400
ip -n left link set dev red down
ends 3 $running
ip -n left link set dev red up
ip -n left address add 2001:db8::1/64 dev red # which went with the link
ip -n left route replace 198.51.100.0/24 via 100.80.1.1
# Lost is only what was under way then: the line is up to 30 ms of 400 a second.
wanted "$dir/run.json" 'all(k["lost"] <= 12 and k["no_way_out"]["count"] > 20
    and k["lost"] + k["received"] + k["no_way_out"]["count"] == 300
    and k["no_way_out"]["why"] == "link: red is down or gone" for k in kinds)'

echo "# the next hop does not answer: IPv4 and IPv6, from the start"
exits 3 on left probe run --carrier red --source 100.80.1.200 --target 100.80.1.98 --icmp --count 20 --rate 100 --wait 100
said 'no way out for 20 of its probes: neighbour: 100.80.1.98 on red does not answer' # which the kernel tells after 3 s
for ip in ipv4 ipv6; do
    ip netns exec left sysctl -qw net.$ip.neigh.red.retrans_time_ms=100 net.$ip.neigh.red.mcast_solicit=2
done
ip -n left route add 203.0.113.0/24 via 100.80.1.99
for path in '100.80.1.200 203.0.113.1 100.80.1.99' '2001:db8::1 2001:db8::99 2001:db8::99'; do
    read -r source target hop <<<"$path"
    exits 3 on left probe run --carrier red --source "$source" --target "$target" --icmp --count 100 --rate 200 \
        --wait 100 --out "$dir/run.json"
    said "no way out for 100 of its probes: neighbour: $hop on red does not answer"
    wanted "$dir/run.json" "icmp['no_way_out'] == {'count': 100, 'why': 'neighbour: $hop on red does not answer'}
        and icmp['sent'] == 0 and icmp['loss_pct'] is None"
done

echo "# our own packet filter and our reverse-path filter take answers that came in"
ip netns exec left nft 'add table t; add chain t in { type filter hook input priority 0; }
    add rule t in icmp type echo-reply icmp sequence 100-139 drop'
run_left --icmp --count 400 --rate 1000 --wait 200 >"$dir/run.json"
wanted "$dir/run.json" 'icmp["own"]["filtered_in"] == 40 and icmp["sent"] == 400 and icmp["loss_pct"] == 0'
ip netns exec left nft flush ruleset
on right ping -qc1 -W1 100.84.1.200 >"$dir/ping" # the filter would refuse its question for the link address too
ip netns exec left sysctl -qw net.ipv4.conf.all.rp_filter=1
ip -n right route add 100.80.1.200/32 via 100.84.1.200
exits 4 run_left --icmp --count 100 --rate 1000 --wait 200 --out "$dir/run.json"
ip netns exec left sysctl -qw net.ipv4.conf.all.rp_filter=0
ip -n right route del 100.80.1.200/32
wanted "$dir/run.json" 'icmp["own"]["filtered_in"] == 100 and icmp["lost"] == 0
    and result["host_counters"]["TcpExt.IPReversePathFilter"] >= 100'

echo "# damaged answers are losses, though the kernel counts them as drops of our socket"
ip netns exec right nft 'add table inet t; add chain inet t out { type filter hook output priority 0; }
    add rule inet t out icmpv6 type echo-reply numgen inc mod 10 < 3 icmpv6 checksum set 1'
on left probe run --carrier red --source 2001:db8::1 --target 2001:db8::2 --icmp --count 400 --rate 1000 \
    --wait 200 --json >"$dir/run.json"
wanted "$dir/run.json" 'icmp["damaged"] == icmp["lost"] == 120 and icmp["on_path"] == 0
    and icmp["own"]["receive_dropped"] == 0 and result["host_counters"]["Icmp6InCsumErrors"] == 120'
