#!/bin/bash
# probe against a target behind two carriers: clean, losing every tenth probe, dark; by a wrong route.
# shellcheck source=tests/smoke/_init.sh
. "$(dirname "$0")/_init.sh"
# shellcheck source=tests/smoke/_probe.sh
. "$here/_probe.sh"

measure() { on left probe run --count "${count:-400}" --rate 2000 --wait "${wait:-200}" --json "$@"; }
# What 0.2 s can show: bursts of a millisecond, and no word about delays below those of a busy machine.
compare() { probe compare "$dir/base.json" "$dir/$1" --burst-s 0.001 --max-delay-increase 1000 "${@:2}"; }
lab() { measure --inventory tests/lab/inventory.json --carrier red "$@"; }

ns left right
veth left red right r
veth left green right g
for host in left right; do
    ip netns exec $host sysctl -qw net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.default.disable_ipv6=0
done
ip -n left address add 100.80.1.200/24 dev red
ip -n left address add 100.84.1.200/24 dev green
ip -n left address add 2001:db8::1/64 dev red nodad
ip -n right address add 100.80.1.1/24 dev r
ip -n right address add 100.84.1.1/24 dev g
ip -n right address add 2001:db8::2/64 dev r nodad
ip -n right address add 198.51.100.10/32 dev lo
ip -n left route add 198.51.100.0/24 via 100.80.1.1
ip -n left rule add fwmark 7 lookup 100
ip -n left route add default via 100.84.1.1 table 100
ip -n left route add blackhole 203.0.113.0/24

ip netns exec right probe reflect --json >"$dir/reflect.json" &
reflector=$!
on right python3 -c '
import signal, socket
held = [socket.create_server((a, 1883), family=f, backlog=64)
        for f, a in ((socket.AF_INET, "198.51.100.10"), (socket.AF_INET6, "2001:db8::2"))]
signal.pause()' &
wait_until 5 sh -c 'ip netns exec right ss -Hltun | grep -q "198.51.100.10:1883" &&
    ip netns exec right ss -Hltun | grep -q "\[::\]:862"'

echo "# clean: every probe answered, stamped by the kernel both ways, by all three kinds"
clean='all(k["sent"] == k["received"] == 400 and k["lost"] == k["duplicates"] == k["reordered"] == 0
    and k["timing"]["sent_unstamped"] == k["timing"]["received_unstamped"] == 0
    and 0 < k["rtt_ms"]["p50"] < 20 and k["route"]["interface"] == "red" for k in kinds)'
lab --service meters --service reflect --out "$dir/base.json" >"$dir/stdout.json"
cmp "$dir/base.json" "$dir/stdout.json"
wanted "$dir/base.json" "$clean and tcp['refused'] == 0 and udp['reflector_ms'] > 0"
fits probe <"$dir/base.json"
measure --carrier six --source 2001:db8::1 --target '[2001:db8::2]:1883' --icmp --tcp >"$dir/six.json"
wanted "$dir/six.json" "$clean"
measure --carrier six --source 2001:db8::1 --target 2001:db8::2 --udp --poisson >"$dir/six.json"
wanted "$dir/six.json" "$clean and result['plan']['sampling'] == 'poisson'"
measure --carrier red --source 100.80.1.200 --target 198.51.100.10:81 --tcp >"$dir/refused.json"
wanted "$dir/refused.json" "$clean and tcp['refused'] == 400"
lab --service meters --service reflect >"$dir/same.json"
exits 0 compare same.json
exits 4 probe compare "$dir/base.json" "$dir/same.json" --json
fits probe-compare <"$dir/said"
said '"why": "a run of 0.2 s is too short: 3 points, with bursts of 0.4 s, take 50 s"'
said '"verdict": "cannot tell"'
exits 2 compare same.json --extend "$dir/same.json"
said 'there are 2 measurements now, expected at most the 1 of --looks'
exits 2 probe compare "$dir/same.json" "$dir/base.json"
said 'is older than what it is compared with'
exits 4 compare same.json --max-age-s 0.001
said 'base: is .* s old, expected at most 0'
wait=300 lab --service meters >"$dir/unlike.json"
exits 4 compare unlike.json
said 'another pace: 2000 a second, periodic, waiting time 300 ms'
said 'udp 198.51.100.10:862 .*was not measured now'

echo "# the target forgets each SYN by our reset alone, sent by the measured way"
ip netns exec left nft 'add table t; add chain t out { type filter hook output priority 0; }
    add rule t out tcp flags & rst == rst meta skuid 0 accept; add rule t out tcp flags & rst == rst drop'
lab --service meters --tcp >"$dir/tcp.json"
wanted "$dir/tcp.json" "$clean"
[ -z "$(ip netns exec right ss -Hnt state syn-recv)" ]
ip netns exec left nft flush ruleset

echo "# every tenth probe dropped on the way: 10 %, and worse than before"
tenth='numgen inc mod 10 == 0 drop'
ip netns exec right nft "add table inet t; add chain inet t in { type filter hook input priority 0; }
    add rule inet t in icmp type echo-request $tenth; add rule inet t in udp dport 862 $tenth
    add rule inet t in tcp flags & (syn | ack) == syn $tenth
    add rule inet t in icmpv6 type echo-request $tenth"
lost='all(k["lost"] == 40 and k["loss_pct"] == 10 and k["loss_runs"]["longest"] == 1
    and k["loss_pct_interval"][0] < 10 < k["loss_pct_interval"][1] for k in kinds)'
lab --service meters --service reflect >"$dir/now.json"
wanted "$dir/now.json" "$lost"
measure --carrier six --source 2001:db8::1 --target 2001:db8::2 --icmp --udp >"$dir/six.json"
wanted "$dir/six.json" "$lost"
exits 1 compare now.json
said 'increase 10.000 .*: worse'

echo "# dark"
ip netns exec right nft 'flush ruleset; add table t; add chain t in { type filter hook input priority 0; policy drop; }'
lab --service meters >"$dir/dark.json"
fits probe <"$dir/dark.json"
wanted "$dir/dark.json" 'all(k["received"] == 0 and k["loss_pct"] == 100 and k["rtt_ms"] is None for k in kinds)'
exits 1 compare dark.json
ip netns exec right nft flush ruleset

echo "# late, doubled and overtaking answers are told apart"
on right python3 tests/smoke/bad_reflector.py 198.51.100.10 8620 &
wait_until 5 sh -c 'ip netns exec right ss -Hlun | grep -q 198.51.100.10:8620'
on left probe run --carrier red --source 100.80.1.200 --target 198.51.100.10:8620 --udp \
    --count 200 --rate 200 --wait 200 --json >"$dir/bad.json"
wanted "$dir/bad.json" 'udp["duplicates"] == 20 and udp["lost"] == 20 and udp["damaged"] == 0
    and 10 <= udp["late"] <= 20 and udp["reordered"] == 20 + udp["late"]'

echo "# what our own side does not send is no loss of the carrier's"
ip netns exec left nft "add table t; add chain t out { type filter hook output priority 0; }
    add rule t out icmp sequence 100-139 drop"
lab --service meters --icmp >"$dir/own.json"
wanted "$dir/own.json" 'icmp["own"]["filtered_out"] == 40 and icmp["sent"] == 360 and icmp["loss_pct"] == 0'
ip netns exec left nft 'add rule t out icmp type echo-request drop'
exits 4 lab --service meters --icmp
ip netns exec left nft flush ruleset

echo "# the kernel's route decides before the first packet"
exits 0 lab --service meters --dry-run
said 'icmp 198.51.100.10 goes by dev red via 100.80.1.1, table main'
exits 0 lab --service meters --mark 7 --dry-run
said 'goes by dev green via 100.84.1.1, table 100'
exits 0 lab --service meters --interface red --dry-run
exits 3 lab --service meters --interface green
said 'interface green: the kernel has no route, expected one by the carrier'
exits 3 lab --mark 7 --interface red --target 192.0.2.1
exits 3 lab --service meters --interface blue
exits 3 lab --target 192.0.2.1
exits 3 lab --target 203.0.113.5
exits 3 lab --target 100.80.1.200
said 'the target is an address of this host'
exits 3 lab --service meters --source 100.80.1.77
count=0 exits 2 lab --service nothing
said '^--service: no service "nothing" in the inventory'
said '^--count: is out of range, expected 1 to 10000000'
exits 2 probe compare "$dir/base.json" tests/lab/inventory.json
exits 2 probe compare "$dir/base.json" "$dir/six.json"

echo "# a running probe has no privileges; a signal cuts it short, and the result is kept"
ip netns exec left probe run --inventory tests/lab/inventory.json --carrier red --service meters --icmp \
    --count 100000 --rate 100 --wait 100 --out "$dir/cut.json" >"$dir/cut.txt" &
running=$!
wait_until 5 grep -q 'NoNewPrivs:.1' /proc/$running/status
grep -q 'Uid:.65534.65534.65534.65534' /proc/$running/status
grep -q 'CapEff:.0000000000000000' /proc/$running/status
grep -q 'CapPrm:.0000000000000000' /proc/$running/status
kill -TERM $running
code=0
wait $running || code=$?
[ $code = 4 ]
fits probe <"$dir/cut.json"
wanted "$dir/cut.json" 'result["interrupted"] and icmp["lost"] == 0'

echo "# the reflector answers no reflector, nor what is too short; TWAMP Light's requests get the base packet"
on left python3 -c '
import socket
for port, size, answered in ((862, 44, 0), (7, 44, 0), (1900, 44, 0), (61999, 13, 0), (61998, 100, 100),
                             (61997, 14, 44), (61996, 41, 44)):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(2 if answered else 0.2)
    s.bind(("100.80.1.200", port))
    s.sendto(bytes(size), ("198.51.100.10", 862))
    try:
        answer, sender = s.recvfrom(2000)
        assert len(answer) == answered and sender == ("198.51.100.10", 862), port
        assert answer[40] == 64, "the TTL of the request"
    except TimeoutError:
        assert not answered, port'
kill -TERM $reflector
wait $reflector
fits probe-reflect <"$dir/reflect.json"
python3 -c '
import json, sys
packets = json.load(open(sys.argv[1]))["packets"]
assert packets["from_reflector"] == 3 and packets["truncated"] == 1, packets
assert packets["receive_dropped"] == packets["over_rate"] == 0 < packets["answered"], packets
' "$dir/reflect.json"
