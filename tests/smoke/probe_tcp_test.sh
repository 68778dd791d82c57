#!/bin/bash
# What TCP can say: the same loss whatever the waiting time, half-open ports, services up and dead.
# shellcheck source=tests/smoke/_init.sh
. "$(dirname "$0")/_init.sh"
# shellcheck source=tests/smoke/_probe.sh
. "$here/_probe.sh"

line_world
on right python3 -c 'import socket, signal
held = socket.create_server(("198.51.100.10", 1883), backlog=1024); signal.pause()' &
wait_until 5 sh -c 'ip netns exec right ss -Hltn | grep -q 198.51.100.10:1883'

echo "# 5 % of loss each way: as many as the line's log says, with a short wait and a long one"
run_left --tcp --count 10 --rate 100 --wait 200 >"$dir/run.json" # the neighbours know each other
for wait in 200 1500; do
    line_set loss=5%
    began=$(date -u +%FT%T.%6N)
    run_left --tcp --count 400 --rate 1000 --wait $wait >"$dir/$wait.json"
    line_set loss=0
    sleep 0.6 # the line writes its log twice a second
    truth=$("$BUILD/lab/wire" log "$dir/packets" | python3 -c '
import re, sys
lost, seen = set(), set()
for line in sys.stdin:
    at, way, *_ = line.split()
    ports = re.findall(r"10:1883|200:(\d+)", line)
    port = next((p for p in ports if p), None)
    flags = re.search(r"flags (02|12)", line)
    if at < sys.argv[1] or not flags or (way, port) in seen:
        continue
    seen.add((way, port))
    if ": lost" in line:
        lost.add(port)
print(len(lost))' "$began")
    wanted "$dir/$wait.json" "tcp['sent'] == 400 and tcp['lost'] == $truth > 15 and tcp['late'] == 0
        and tcp['duplicates'] == tcp['reordered'] == 0 and tcp['service'] == {'state': 'up', 'path_whole': True}"
    fits probe <"$dir/$wait.json"
done
wanted "$dir/1500.json" 'tcp["first_lost"] >= 5 and tcp["on_path"] >= 5'

# what the loss left half open is of an earlier run
none_half_open() { [ -z "$(on right ss -Hnt state syn-recv)" ]; }
wait_until 10 none_half_open

echo "# ports that the target still holds half open: bare ACKs, no loss, and its repeats are no duplicates"
ip netns exec right nft 'add table t; add chain t in { type filter hook input priority 0; }
    add rule t in tcp flags & rst == rst drop'
run_left --tcp --count 385 --rate 200 --wait 200 >"$dir/run.json"
ip netns exec right nft flush ruleset
wanted "$dir/run.json" 'tcp["half_open"] > 3 and tcp["lost"] == tcp["duplicates"] == tcp["reordered"] == 0'

echo "# a service that is dead, one that resets, and nothing at all"
ip netns exec right nft 'add table t; add chain t in { type filter hook input priority 0; }
    add rule t in tcp dport 1883 drop'
run_left --icmp --tcp --count 50 --rate 500 --wait 200 >"$dir/run.json"
wanted "$dir/run.json" 'tcp["service"] == {"state": "dead", "path_whole": True} and icmp["service"] is None'
ip netns exec right nft 'add rule t in icmp type echo-request drop'
run_left --icmp --tcp --count 50 --rate 500 --wait 200 >"$dir/run.json"
wanted "$dir/run.json" 'tcp["service"] == {"state": "unknown", "path_whole": False}'
ip netns exec right nft flush ruleset
on left probe run --carrier red --source 100.80.1.200 --target 198.51.100.10:81 --tcp --count 50 --rate 500 --wait 200 \
    --json >"$dir/run.json"
wanted "$dir/run.json" 'tcp["service"]["state"] == "resets" and tcp["refused"] == 50'
