#!/bin/bash
# By which carrier: the kernel's rules, a way that changes in the middle, answers by another carrier.
# shellcheck source=tests/smoke/_init.sh
. "$(dirname "$0")/_init.sh"
# shellcheck source=tests/smoke/_probe.sh
. "$here/_probe.sh"

line_world
ip -n right address add 2001:db8:10::10/128 dev lo
ip -n left route add 2001:db8:10::/64 via 2001:db8::2
ip -n left route add default via 100.84.1.1 table 100
on right python3 -c 'import socket, signal
held = [socket.create_server((a, 1883), family=f)
        for f, a in ((socket.AF_INET, "198.51.100.10"), (socket.AF_INET6, "2001:db8:10::10"))]
signal.pause()' &
on right probe reflect >"$dir/reflect.txt" &
wait_until 5 sh -c 'ip netns exec right ss -Hltun | grep -q "198.51.100.10:1883" &&
    ip netns exec right ss -Hltun | grep -q "\[::\]:862"'
way() { exits 0 on left probe run --carrier red --source 100.80.1.200 --target "$@" --dry-run; }

echo "# rules by protocol and port: the way that is named is the way that is taken"
way 198.51.100.10:862 --icmp --udp
said 'udp 198.51.100.10:862 goes by dev red'
ip -n left rule add ipproto udp dport 862 lookup 100
way 198.51.100.10:862 --icmp --udp
said 'udp 198.51.100.10:862 goes by dev green'
said 'icmp 198.51.100.10 goes by dev red'
on left probe run --carrier red --source 100.80.1.200 --target 198.51.100.10:862 --icmp --udp --count 50 --rate 500 \
    --wait 200 --json >"$dir/run.json"
wanted "$dir/run.json" 'udp["sent_by"] == {"green": 50} and icmp["sent_by"] == {"red": 50}
    and icmp["answered_by"] == {"red": 50} and udp["lost"] == icmp["lost"] == 0'
ip -n left rule add ipproto icmp lookup 100
way 198.51.100.10 --icmp
said 'icmp 198.51.100.10 goes by dev green'
ip -n left rule del ipproto icmp lookup 100
ip -n left rule add ipproto tcp lookup 100
run_left --tcp --count 50 --rate 500 --wait 200 >"$dir/run.json"
wanted "$dir/run.json" 'tcp["sent_by"] == {"green": 50} and tcp["route"]["interface"] == "green"'
ip -n left rule del ipproto tcp lookup 100

echo "# a rule by the port of connections, which SYN probes do not follow, is said"
ip -n left rule add ipproto tcp dport 1883 lookup 100
exits 3 run_left --tcp --count 50
said 'a connection from port 61000 goes dev green .*, and a SYN probe dev red .*give --interface or --mark'
ip -n left rule add ipproto tcp sport 61003 lookup 100
ip -n left rule del ipproto tcp dport 1883 lookup 100
exits 3 run_left --tcp --count 50
said 'a connection from port 61003 goes dev green'
ip -n left rule del ipproto tcp sport 61003 lookup 100

echo "# another way for a moment in the middle, and none for a moment: told, with the time"
mark_sent red
ip netns exec left probe run --carrier red --source 100.80.1.200 --target 198.51.100.10 --icmp --count 400 --rate 400 \
    --wait 200 --out "$dir/run.json" >"$dir/run.txt" &
running=$!
wait_until 10 has_sent red 50
ip -n left route add 198.51.100.10/32 via 100.84.1.1
mark_sent green
wait_until 10 has_sent green 20
ip -n left route del 198.51.100.10/32
ends 4 $running
fits probe <"$dir/run.json"
wanted "$dir/run.json" '[c["to"]["interface"] for c in icmp["route_changes"]] == ["green", "red"]
    and icmp["sent_by"]["green"] > 10 and icmp["sent_by"]["red"] > 50 and icmp["lost"] == 0
    and result["at"] < icmp["route_changes"][0]["at"] < icmp["route_changes"][1]["at"] < result["ended"]'
grep -q 'CHANGED at .*: dev green via 100.84.1.1' "$dir/run.txt"

echo "# answers that come by the other carrier: told, and left out when the socket is tied to one"
on right ping -qc1 -W1 100.84.1.200 >"$dir/ping"
ip -n right route add 100.80.1.200/32 via 100.84.1.200
run_left --icmp --count 50 --rate 500 --wait 200 >"$dir/run.json"
wanted "$dir/run.json" 'icmp["sent_by"] == {"red": 50} and icmp["answered_by"] == {"green": 50} and icmp["lost"] == 0'
exits 4 run_left --icmp --count 50 --rate 500 --wait 200 --interface red --out "$dir/run.json"
wanted "$dir/run.json" 'icmp["elsewhere"] == 50 and icmp["lost"] == 0 and icmp["answered_by"] == {"green": 50}'
ip -n right route del 100.80.1.200/32

echo "# a source that this host has not, and one that nobody has"
from() { on left probe run --carrier red --target 198.51.100.10 --icmp --source "$1"; }
exits 3 from 100.80.1.77
said 'source 100.80.1.77: is no address of this host'
exits 2 from 0.0.0.0
said '--source: 0.0.0.0 is no address to send from'

echo "# both families side by side from one vantage; without a second source the services are named"
python3 - >"$dir/inventory.json" <<'PY'
import json
inventory = json.load(open("tests/lab/inventory.json"))
red = next(carrier for carrier in inventory["carriers"] if carrier["name"] == "red")
red["clients"].append("2001:db8::/64")
red["vantage"]["source6"] = "2001:db8::1"
inventory["prefixes"].append("2001:db8:10::/64")
meters = next(service for service in inventory["services"] if service["name"] == "meters")
for site, network in zip(inventory["sites"], ("2001:db8:1::/64", "2001:db8:2::/64")):
    site["networks"].append(network)
server = {"name": "s6", "old": {"address": "2001:db8:1::1"}, "new": {"address": "2001:db8:2::1"}}
inventory["services"].append({**meters, "name": "six", "vip": "2001:db8:10::10", "servers": [server]})
json.dump(inventory, open("/run/rehome/both.json", "w"))
del red["vantage"]["source6"]
print(json.dumps(inventory))
PY
on left probe run --inventory "$dir/both.json" --carrier red --service meters --service six --count 50 --rate 500 --wait 200 \
    --json >"$dir/run.json"
wanted "$dir/run.json" 'sorted(k["target"] for k in result["kinds"]) == ["198.51.100.10", "198.51.100.10:1883",
    "2001:db8:10::10", "[2001:db8:10::10]:1883"] and all(k["received"] == 50 for k in result["kinds"])
    and result["left_out"] == [] and result["vantage"]["other_source"] == "2001:db8::1"'
ip -n left route add 203.0.113.0/24 via 100.80.1.1 # where the inventory has other services
on left probe run --inventory "$dir/inventory.json" --carrier red --icmp --count 50 --rate 500 --wait 200 \
    --json >"$dir/run.json"
wanted "$dir/run.json" 'result["left_out"] == ["six"]'
