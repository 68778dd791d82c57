#!/bin/bash
# The report of real runs by a line that loses for a known while: begin and end are those of the
# line's own log.  Its files add up, its data read back, and what is wrong leaves nothing behind.
# shellcheck source=tests/smoke/_init.sh
. "$(dirname "$0")/_init.sh"
# shellcheck source=tests/smoke/_probe.sh
. "$here/_probe.sh"

line_world
# green CARRIER's way is a direct one, and does not move.
ip -n right address add 198.51.100.11/32 dev lo
ip -n left route add 198.51.100.11/32 via 100.84.1.1

run() { on left probe run --carrier "$1" --source "$2" --target "$3" --icmp --rate 100 --wait 300 "${@:4}"; }

echo "# before: a baseline of each, as a result and as a record"
run red 100.80.1.200 198.51.100.10 --count 200 --out "$dir/red-base.json" >"$dir/out"
run green 100.84.1.200 198.51.100.11 --count 200 --record "$dir/green-base.db" >"$dir/out"

echo "# now: red loses all for a second, green does not"
mark_sent red
run green 100.84.1.200 198.51.100.11 --count 400 --record "$dir/green.db" >"$dir/green.txt" &
green=$!
run red 100.80.1.200 198.51.100.10 --count 400 --record "$dir/red.db" >"$dir/red.txt" &
red=$!
wait_until 10 has_sent red 150
line_set loss=100%
mark_sent red
wait_until 10 has_sent red 100
line_set loss=0
ends 0 $red
ends 0 $green

echo "# the report: the verdict first, the loss period as the line saw it"
probe report "$dir/red.db" "$dir/green.db" --baseline "$dir/red-base.json" --baseline "$dir/green-base.db" \
    --control green --out "$dir/night" >"$dir/verdicts"
grep -q '^red: ' "$dir/verdicts"
grep -q '^green (control, did not move): ' "$dir/verdicts"
fits probe-report <"$dir/night/report.json"
"$BUILD/lab/wire" log "$dir/packets" >"$dir/log"
python3 - "$dir/night/report.json" "$dir/log" <<'PY'
import json, sys
from datetime import datetime
def at(text): return datetime.fromisoformat(text.rstrip("Z")).timestamp()
report = json.load(open(sys.argv[1]))
lost = [at(line.split()[0]) for line in open(sys.argv[2]) if " lost" in line and "proto 1 " in line]
runs = {run["carrier"]: run for run in report["runs"]}
red = runs["red"]["paths"][0]
assert red["loss_periods"]["count"] == 1, red["loss_periods"]
period = red["loss_periods"]["longest"][0]
assert period["lost"] == red["loss"]["lost"] >= 90, red["loss"]
assert abs(at(period["begin"]) - min(lost)) < .02, (period, min(lost))
assert abs(at(period["end"]) - max(lost)) < .02, (period, max(lost))
assert at(period["good_before"]) < min(lost) and max(lost) < at(period["good_after"]), period
assert period["meanwhile"][0]["run"] == "green" and period["meanwhile"][0]["lost"] == 0, period
assert period["meanwhile"][0]["probes"] >= 90, period
assert max(bucket[4] for bucket in red["timeline"]["buckets"]) > 50, red["timeline"]
assert runs["green"]["paths"][0]["loss"]["lost"] == 0 and runs["green"]["control"]
assert runs["red"]["base_at"] and runs["green"]["base_at"]
PY
head -n 8 "$dir/night/report.txt" | grep -q '^red: '
[ "$(wc -L <"$dir/night/report.txt")" -le 76 ]

echo "# the sums hold, and the raw data are what was measured"
(cd "$dir/night" && sha256sum --quiet -c SHA256SUMS)
[ "$(wc -l <"$dir/night/SHA256SUMS")" = "$(find "$dir/night" -type f ! -name SHA256SUMS | wc -l)" ]
grep -q "$(sha256sum <"$dir/night/raw/1-red.csv" | cut -c1-64)" "$dir/night/report.html"
fits probe-raw <"$dir/night/raw/1-red.json"
fits probe <"$dir/night/raw/1-red.result.json"
/usr/bin/python3 - "$dir/night" <<'PY'
import csv, json, sys
from scapy.all import ICMP, IP, RawPcapNgReader
folder = sys.argv[1]
rows = list(csv.DictReader(open(f"{folder}/raw/1-red.csv")))
assert len(rows) == 400 and [int(row["index"]) for row in rows] == list(range(400))
received = sum(row["end"] == "received" for row in rows)
red = json.load(open(f"{folder}/report.json"))["runs"][0]["paths"][0]
assert received == red["loss"]["probes"] - red["loss"]["lost"], received
assert all(row["out"] == "red" and row["size"] == "52" for row in rows if row["end"] == "received")
raw = json.load(open(f"{folder}/raw/1-red.json"))["paths"][0]["probes"]
assert [row[3] for row in raw] == [row["end"] for row in rows]
packets = [IP(data) for data, _ in RawPcapNgReader(f"{folder}/raw/1-red.pcapng")]
assert sum(p[ICMP].type == 8 for p in packets) == 400, len(packets)
assert sum(p[ICMP].type == 0 for p in packets) == received, len(packets)
for packet in packets[:20]:
    sum_ = packet[ICMP].chksum
    del packet[ICMP].chksum
    assert IP(bytes(packet))[ICMP].chksum == sum_
PY
grep -aq 'Reconstructed from the record' "$dir/night/raw/1-red.pcapng"

echo "# nothing on the page is from elsewhere"
sed '/^!function/d' "$dir/night/report.html" >"$dir/page"
fails grep -qE 'src=|href=|@import|url\(|<link|<iframe' "$dir/page"
grep -q "default-src 'none'" "$dir/page"

echo "# a run that is killed is reported as far as its record goes"
mark_sent red
ip netns exec left probe run --carrier red --source 100.80.1.200 --target 198.51.100.10 --icmp --rate 100 --count 9000 \
    --record "$dir/cut.db" >"$dir/out" &
running=$!
wait_until 10 has_sent red 150
kill -KILL $running
ends 137 $running
probe report "$dir/cut.db" --baseline "$dir/red-base.json" --out "$dir/cut" >"$dir/verdicts"
grep -q '^red: CANNOT TELL' "$dir/verdicts"
[ "$(jq '.runs[0].cut_short' "$dir/cut/report.json")" = true ]

echo "# what is there stays, unless it is a report that is to be replaced"
exits 2 probe report "$dir/red.db" --out "$dir/night"
said 'night: is there already, expected a new name, or --replace'
(cd "$dir/night" && sha256sum --quiet -c SHA256SUMS)
mkdir "$dir/mine"
exits 2 probe report "$dir/red.db" --out "$dir/mine" --replace
said 'mine: is no report, so that it is not replaced'
exits 0 probe report "$dir/green.db" --out "$dir/night" --replace
[ "$(jq -r '.runs[].carrier' "$dir/night/report.json")" = green ]

echo "# wrong input: each mistake in a sentence, and no folder"
exits 2 probe report "$dir/red.db" "$dir/red.db" --out "$dir/no"
said 'is the same run as'
for run in red green; do
    exits 2 probe report "$dir/$run.db" --baseline "$dir/$run.db" --out "$dir/no"
    said "$run.db: .*or is the same"
done
exits 2 probe report "$dir/red.db" "$dir/red-base.json" --out "$dir/no"
said 'red-base.json: '
exits 2 probe report "$dir/red.db" --baseline "$dir/green-base.db" --control blue --out "$dir/no"
said 'is of carrier "green", of which there is no record'
said -- '--control blue: is a carrier of which there is no record'
exits 3 probe report "$dir/red.db" --out "$dir/nowhere/night"
said 'nowhere/night: its folder cannot be made'
mkdir "$dir/small"
mount -t tmpfs -o size=200k none "$dir/small"
exits 3 probe report "$dir/red.db" --out "$dir/small/night"
said 'No space left on device'
[ -z "$(ls -A "$dir/small")" ]
umount "$dir/small"
for left in "$dir/no" "$dir/nowhere" "$dir"/*.??????; do
    fails test -d "$left"
done
