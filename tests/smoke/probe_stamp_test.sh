#!/bin/bash
# STAMP: the direction of losses against the line's own log, what a reflector refuses, keys, sizes
# and DSCP.
# shellcheck source=tests/smoke/_init.sh
. "$(dirname "$0")/_init.sh"
# shellcheck source=tests/smoke/_probe.sh
. "$here/_probe.sh"

line_world
stamp() {
    on left probe run --carrier red --source 100.80.1.200 --target 198.51.100.10:"${port:-862}" --udp \
        --wait 300 --json --out "$dir/run.json" "$@"
}
# reflector ARGS...: another one instead of that which runs.
reflector() {
    [ -z "${reflecting:-}" ] || { kill "$reflecting" && wait "$reflecting"; }
    ip netns exec right probe reflect --json "$@" >"$dir/reflect.json" &
    reflecting=$!
    wait_until 5 sh -c 'ip netns exec right ss -Hlun | grep -q "\[::\]:862"'
}
# counted CONDITION: of the counters that the reflector prints when it is asked.
counted() {
    local lines
    lines=$(wc -l <"$dir/reflect.json")
    kill -USR1 "$reflecting"
    wait_until 5 sh -c "[ \$(wc -l <$dir/reflect.json) -gt $lines ]"
    tail -n 1 "$dir/reflect.json" >"$dir/counters.json"
    fits probe-reflect <"$dir/counters.json"
    python3 -c 'import json, sys
said = json.load(open(sys.argv[1]))
assert eval(sys.argv[2], {**said["packets"], "sessions": said["sessions"]}), said' "$dir/counters.json" "$1"
}
# How many of the probes (frames of 102 bytes) the line's log calls lost, in one direction.
lost_by_line() { "$BUILD/lab/wire" log "$dir/packets" | grep -c "$1.*proto 17 .* 102 B: lost" || true; }
# Whether the log, which comes later, has both directions of so many probes.
line_told_all() {
    [ "$("$BUILD/lab/wire" log "$dir/packets" | grep -c 'proto 17 .* 102 B:')" -ge $((2 * $1 - $(lost_by_line 'up  '))) ]
}

echo "# 5 % lost each way: there and back as many as the line's log says"
reflector
line_set loss=5%
stamp --count 1000 --rate 1000 >"$dir/stdout.json"
line_set loss=0
wait_until 5 line_told_all 1000
there=$(lost_by_line 'up  ') back=$(lost_by_line down)
wanted "$dir/run.json" "udp['directions']['why'] is None and udp['lost'] == udp['on_path'] > 40
    and udp['directions']['unknown'] <= 5
    and $there - 5 <= udp['directions']['forward']['lost'] <= $there
    and $back - 5 <= udp['directions']['backward']['lost'] <= $back
    and udp['directions']['forward']['loss_pct_interval'][0] < 5 < udp['directions']['forward']['loss_pct_interval'][1]
    and udp['size'] == 88 and result['plan']['dscp'] == 0"
fits probe <"$dir/run.json"

echo "# lost on the way there alone, and on the way back alone"
ip netns exec right nft 'add table t; add chain t in { type filter hook input priority 0; }
    add rule t in udp dport 862 numgen inc mod 10 == 5 drop'
stamp --count 400 --rate 1000 >"$dir/stdout.json"
wanted "$dir/run.json" 'udp["directions"]["forward"]["lost"] >= 38 and udp["directions"]["backward"]["lost"] == 0
    and udp["lost"] == 40'
ip netns exec right nft 'flush ruleset; add table t; add chain t out { type filter hook output priority 0; }
    add rule t out udp sport 862 numgen inc mod 10 == 5 drop'
# By the reflector's own filter an answer is not sent, which it tells.
stamp --count 400 --rate 1000 >"$dir/stdout.json"
wanted "$dir/run.json" 'udp["unreflected"] == 40 and udp["lost"] == 0 and udp["loss_pct"] == 0'
ip netns exec right nft flush ruleset
ip netns exec left nft 'add table netdev t; add chain netdev t in { type filter hook ingress device "red" priority 0; }
    add rule netdev t in udp sport 862 numgen inc mod 10 == 5 drop'
stamp --count 400 --rate 1000 >"$dir/stdout.json"
ip netns exec left nft flush ruleset
wanted "$dir/run.json" 'udp["directions"]["backward"]["lost"] >= 38 and udp["directions"]["forward"]["lost"] == 0'

echo "# started again in the middle, or stateless: there and back cannot be told"
mark_sent red
line_set loss=5%
stamp --count 600 --rate 300 >"$dir/stdout.json" 2>"$dir/run.err" &
running=$!
wait_until 10 has_sent red 150
reflector
ends 4 $running
grep -q 'which of the [0-9]* lost the path lost cannot be told' "$dir/run.err"
wanted "$dir/run.json" '"began to count anew" in udp["directions"]["why"] and udp["directions"]["forward"] is None'
reflector --stateless
stamp --count 400 --rate 1000 >"$dir/stdout.json"
line_set loss=0
wanted "$dir/run.json" 'udp["directions"]["why"] == "the reflector is stateless" and udp["directions"]["unknown"] > 10'

echo "# over the rate of a source: no loss of the path"
reflector --max-source-rate 500
stamp --count 1000 --rate 1000 >"$dir/stdout.json"
wanted "$dir/run.json" 'udp["unreflected"] > 300 and udp["lost"] == 0
    and udp["received"] + udp["unreflected"] == udp["sent"] == 1000'
counted 'over_source_rate > 300 and sessions == 1 and answered > 400'

echo "# one forged packet between two reflectors on ports of their own: no storm"
reflector
ip netns exec right probe reflect --listen 100.84.1.1 --port 8620 --json >"$dir/other.json" &
other=$!
ip netns exec left probe reflect --listen 100.84.1.200 --port 8621 --json >"$dir/third.json" &
third=$!
wait_until 5 sh -c 'ip netns exec right ss -Hlun | grep -q :8620 && ip netns exec left ss -Hlun | grep -q :8621'
on left python3 -c '
import socket
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP)
raw.bind(("100.84.1.200", 0))
udp = (8621).to_bytes(2, "big") + (8620).to_bytes(2, "big") + (52).to_bytes(2, "big") + bytes(2)
raw.sendto(udp + bytes(44), ("100.84.1.1", 0))'
sleep 0.3 # for a storm to be seen, which would have thousands by then
kill $other $third
wait $other $third
python3 -c '
import json, sys
one, other = (json.load(open(file))["packets"] for file in sys.argv[1:])
assert one["answered"] == 1 and other["answered"] == 0 and other["from_reflector"] == 1, (one, other)' \
    "$dir/other.json" "$dir/third.json"

echo "# keys: the right one measures; a wrong one, or one side alone, is said within the run's own time"
od -An -v -tx1 -N32 /dev/urandom | tr -d " \n" >"$dir/right.key"
od -An -v -tx1 -N32 /dev/urandom | tr -d " \n" >"$dir/wrong.key"
chmod 600 "$dir"/*.key
reflector --key "$dir/right.key"
line_set loss=5%
stamp --count 400 --rate 1000 --key "$dir/right.key" >"$dir/stdout.json"
line_set loss=0
wanted "$dir/run.json" 'udp["directions"]["why"] is None and udp["size"] == 176 and result["plan"]["authenticated"]
    and 5 < udp["directions"]["forward"]["lost"] + udp["directions"]["backward"]["lost"] + udp["directions"]["unknown"]'
exits 4 timeout 10 ip netns exec left probe run --carrier red --source 100.80.1.200 --target 198.51.100.10:862 --udp \
    --count 50 --rate 100 --wait 300 --key "$dir/wrong.key"
said 'no answer: the path, or the key or the mode of the reflector?'
exits 4 stamp --count 50 --rate 100
said 'no answer: the path, or the reflector: is one there, and without a key?'
wanted "$dir/run.json" 'udp["received"] == 0 and udp["directions"]["why"] == "there was no answer"'
counted 'bad_hmac >= 100'
reflector
exits 4 stamp --count 50 --rate 100 --key "$dir/right.key"
said 'answers without the right HMAC, and none with it'
chmod 644 "$dir/wrong.key"
exits 2 stamp --key "$dir/wrong.key"
said 'has mode 0644, expected one like 0640 that keeps others out'
echo 'no key' >"$dir/right.key"
exits 2 stamp --key "$dir/right.key"
said 'is no key, expected one line of 32 to 128 hexadecimal digits'

echo "# no reflector is there: the path is whole"
exits 4 on left probe run --carrier red --source 100.80.1.200 --target 198.51.100.10:8629 --udp --count 20 --rate 100 \
    --wait 200
said 'no reflector is there: port unreachable by 198.51.100.10; the path is whole'

echo "# gone in mid-run: what was lost since is not said to be the path's, which lost nothing"
reflector
mark_sent red
stamp --count 300 --rate 300 >"$dir/stdout.json" 2>"$dir/run.err" &
running=$!
wait_until 10 has_sent red 100
kill "$reflecting" && wait "$reflecting"
reflecting=
ends 4 $running
grep -q 'the reflector was away: port unreachable by 198.51.100.10; which of the' "$dir/run.err"
reflector

echo "# on a terminal the reflector shows its counters about once a second"
ip netns exec right "$here/terminal.py" "$dir/screen" probe reflect --port 8622 >"$dir/seen" <<'END' &
see 1 sessions, 20 answered
type ^C
END
watching=$!
wait_until 5 sh -c 'ip netns exec right ss -Hlun | grep -q "\[::\]:8622"'
port=8622 stamp --count 20 --rate 1000 >"$dir/stdout.json"
ends 0 $watching

echo "# scapy reads what both sides send"
ip netns exec right tcpdump -qUni r -w "$dir/stamp.pcap" udp port 862 2>"$dir/tcpdump.txt" &
capturing=$!
wait_until 5 grep -q 'listening on' "$dir/tcpdump.txt"
stamp --count 3 --rate 100 --size 200 --dscp EF >"$dir/stdout.json"
wait_until 5 sh -c "[ \$(tcpdump -qnr $dir/stamp.pcap 2>/dev/null | wc -l) -ge 6 ]"
kill $capturing
wait $capturing || true
/usr/bin/python3 - "$dir/stamp.pcap" <<'PY'
import sys
from scapy.all import IP, UDP, rdpcap
from scapy.contrib.stamp import STAMPSessionReflectorTestUnauthenticated as Reply
from scapy.contrib.stamp import STAMPSessionSenderTestUnauthenticated as Request
packets = rdpcap(sys.argv[1])
asked = [(p[IP], Request(bytes(p[UDP].payload)[:44])) for p in packets if p[UDP].dport == 862]
told = [(p[IP], Reply(bytes(p[UDP].payload)[:44])) for p in packets if p[UDP].sport == 862]
assert len(asked) == len(told) == 3
for (ip, request), (back, reply) in zip(asked, told):
    assert ip.len == back.len == 200 and ip.flags == back.flags == "DF", (ip.len, back.len, ip.flags, back.flags)
    assert ip.tos == back.tos == 46 << 2, (ip.tos, back.tos)
    assert reply.seq_sender == request.seq and reply.ts_sender == request.ts and reply.ssid == request.ssid != 0
    assert reply.err_estimate_sender == request.err_estimate and reply.ttl_sender == 64 and reply.mbz1 == reply.mbz2 == 0
    assert request.mbz == 0 and request.ts < reply.ts_rx < reply.ts, "times"
assert [reply.seq for _, reply in told] == [0, 1, 2] == [request.seq for _, request in asked]
# RFC 8972: flags, type, length of each TLV to the end of the packet
for ip, flags in ((asked[0][0], 0x80), (told[0][0], 0)):
    rest, tlvs = bytes(ip[UDP].payload)[44:], []
    while rest:
        size = int.from_bytes(rest[2:4], "big")
        assert rest[0] == flags, rest[0]
        tlvs.append((rest[1], size))
        rest = rest[4 + size:]
    assert tlvs == [(252, 12), (1, 200 - 28 - 44 - 16 - 4)], tlvs
PY

echo "# a size that the way does not carry is said, with its MTU, and is no loss"
exits 2 stamp --size 71
said '^--size: is too small for udp to 198.51.100.10:862, expected at least 72'
exits 2 on left probe run --carrier red --source 100.80.1.200 --target 198.51.100.10:80 --tcp --size 100
said '^--size: a SYN carries no data'
exits 2 stamp --dscp EE
said '^--dscp: expected 0 to 63 or a name as EF, AF41 or CS1, not "EE"'
exits 3 stamp --size 1501
said '^--size: 1501 is too large for the way to 198.51.100.10:862, expected at most its MTU, 1500'
ip -n left link set dev red mtu 1400
exits 3 stamp --size 1401
ip -n left link set dev red mtu 1500
# a router on the way with a smaller link behind it
ns router
veth left far router near
veth router next right f
ip -n left address add 192.0.2.1/25 dev far
ip -n router address add 192.0.2.2/25 dev near
ip -n router address add 192.0.2.129/25 dev next
ip -n right address add 192.0.2.130/25 dev f
ip -n left route add 192.0.2.128/25 via 192.0.2.2
ip -n right route add 192.0.2.0/25 via 192.0.2.129
ip netns exec router sysctl -qw net.ipv4.ip_forward=1
ip -n router link set dev next mtu 1280
ip -n right link set dev f mtu 1280
for kind in icmp udp; do
    exits 3 on left probe run --carrier far --source 192.0.2.1 --target 192.0.2.130 --$kind --size 1400 --count 100 \
        --rate 500 --wait 200 --out "$dir/run.json"
    said "$kind 192.0.2.130.*100 of its probes, of 1400 bytes, were larger than the way's MTU, 1280, as 192.0.2.2 tells"
    wanted "$dir/run.json" "kinds and all(k['too_big']['count'] == 100 and k['lost'] == k['sent'] == 0 for k in kinds)"
    ip -n left route flush cache # the kernel keeps what it was told
done
exits 0 on left probe run --carrier far --source 192.0.2.1 --target 192.0.2.130 --icmp --udp --size 1280 --count 100 \
    --rate 500 --wait 200 --out "$dir/run.json"
wanted "$dir/run.json" 'all(k["received"] == 100 and k["size"] == 1280 for k in kinds)'
fits probe <"$dir/run.json"

echo "# runs of other sizes or DSCP are not compared"
stamp --count 100 --rate 1000 >"$dir/base.json"
stamp --count 100 --rate 1000 --dscp AF41 >"$dir/now.json"
exits 4 probe compare "$dir/base.json" "$dir/now.json"
said 'other packets: 88 bytes, DSCP 34, and 88 bytes, DSCP 0 in the base'
stamp --count 100 --rate 1000 --size 100 >"$dir/now.json"
exits 4 probe compare "$dir/base.json" "$dir/now.json"
said 'other packets: 100 bytes'
