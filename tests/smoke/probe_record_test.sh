#!/bin/bash
# The record of each probe: all but the last second outlives a kill at any moment; a full disk stops the record and not
# the measurement; and what is shown of it is what the run had said.
# shellcheck source=tests/smoke/_init.sh
. "$(dirname "$0")/_init.sh"
# shellcheck source=tests/smoke/_probe.sh
. "$here/_probe.sh"

line_world
measure() { ip netns exec left probe run --carrier red --source 100.80.1.200 --target 198.51.100.10:1883 "$@"; }
# begin PACKETS ARGS...: in the background, by its process $running, once so many packets have left.
begin() {
    mark_sent red
    ip netns exec left probe run --carrier red --source 100.80.1.200 --target 198.51.100.10:1883 --icmp --wait 200 \
        "${@:2}" >"$dir/run.txt" 2>"$dir/run.err" &
    running=$!
    wait_until 10 has_sent red "$1"
}
probes_in() { probe show "$1" --json | jq '[.result.kinds[] | .sent + .no_way_out.count] | add'; }
shown() { probe show "$@" >"$dir/shown" && cat "$dir/shown"; }
writers_gone() { ! pgrep -x probe >"$dir/pgrep"; }

echo "# what is shown is what the run said, and when losses came"
ip netns exec right nft 'add table t; add chain t in { type filter hook input priority 0; }
    add rule t in icmp type echo-request icmp sequence 100-139 drop; add rule t in icmp type echo-request icmp sequence 150 drop'
measure --icmp --tcp --count 400 --rate 400 --wait 200 --record "$dir/r.db" --out "$dir/r.json" >"$dir/run.txt"
ip netns exec right nft flush ruleset
[ ! -e "$dir/r.db-wal" ] # one file, whole
shown "$dir/r.db" >"$dir/show.txt"
cmp <(head -n "$(wc -l <"$dir/run.txt")" "$dir/show.txt") "$dir/run.txt"
grep -q "recorded in $dir/r.db: 800 probes" "$dir/show.txt"
grep -q 'icmp 198.51.100.10: 2, with 41 losses; 97.6 % of these are noticeable' "$dir/show.txt"
grep -qE '20..-..-..T.*Z  0\.[01][0-9]* to 0\.1[0-9]* s; probes 100 to 139, 40 lost' "$dir/show.txt"
grep -q 'tcp 198.51.100.10:1883: none' "$dir/show.txt"
probe show "$dir/r.db" --json >"$dir/show.json"
fits probe-show <"$dir/show.json"
jq .result "$dir/show.json" | fits probe
cmp <(jq -S .result "$dir/show.json") <(jq -S . "$dir/r.json")
jq -e '.cut_short == false and .paths[0].periods[1].distance == 11 and (.record.id | length) == 32' "$dir/show.json"

echo "# the same of a result in JSON, which has no times"
shown "$dir/r.json" >"$dir/show.txt"
cmp <(head -n "$(wc -l <"$dir/run.txt")" "$dir/show.txt") "$dir/run.txt"
grep -q '^    probes 100 to 139, 40 lost' "$dir/show.txt"

echo "# and from where nothing can be written; what was cut short needs what stands beside it"
mkdir "$dir/archive"
mount -t tmpfs tmpfs "$dir/archive"
cp "$dir/r.db" "$dir/archive"
begin 200 --count 100000 --rate 1000 --record "$dir/archive/cut.db"
committed() { [ "$(probes_in "$1")" -gt 100 ]; }
wait_until 5 committed "$dir/archive/cut.db"
kill -KILL $running "$(pgrep -P $running)"
ends 137 $running
cp "$dir"/archive/cut.db* "$dir"
rm "$dir/archive/cut.db-shm"
mount -o remount,ro "$dir/archive"
cmp <(probe show "$dir/archive/r.db" --json | jq .result) <(jq .result "$dir/show.json")
exits 2 probe show "$dir/archive/cut.db"
said 'cut.db: .* copy it and its -wal elsewhere'
rm "$dir/cut.db-shm"
committed "$dir/cut.db"
umount "$dir/archive"

echo "# each probe has its times, its interfaces, the answer's TTL, and its size"
sql() { python3 -c 'import sqlite3, sys; print(*sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True).execute(sys.argv[2]).fetchone())' "$@"; }
[ "$(sql "$dir/r.db" "SELECT count(*), min(o.name), min(i.name), min(ttl), min(size) FROM probe
    JOIN interface o ON o.interface = out_if JOIN interface i ON i.interface = in_if
    JOIN fate USING (fate) WHERE path = 0 AND fate.name = 'received' AND due_ns <= sent_ns AND sent_ns <= stamped_ns
    AND stamped_ns < received_ns AND received_ns = captured_ns")" = "359 red red 64 52" ]
[ "$(sql "$dir/r.db" "SELECT count(*) FROM probe JOIN fate USING (fate) WHERE fate.name = 'on_path'")" = 41 ]

echo "# every table and column stands in the manual"
tr -d '\134' <probe/probe-record.5.scd >"$dir/page"
python3 -c 'import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
for (table,) in db.execute("SELECT name FROM sqlite_schema").fetchall():
    print(*(column[1] for column in db.execute(f"PRAGMA table_info({table})")), sep="\n")' "$dir/r.db" >"$dir/columns"
[ "$(wc -l <"$dir/columns")" -gt 50 ]
while read -r column; do
    grep -qF "*$column*" "$dir/page" || { echo "probe-record(5) lacks $column"; exit 1; }
done <"$dir/columns"

echo "# killed at any moment: all but the last second is there"
kill_at() { # WHOM PACKETS
    local sent kept lost
    rm -f "$dir"/k.db*
    begin "$2" --count 100000 --rate 1000 --record "$dir/k.db" --out "$dir/k.json"
    local writer
    writer=$(pgrep -oP $running) # the record's, which is begun first
    sent=$(on left cat /sys/class/net/red/statistics/tx_packets)
    sent=$((sent - sent_before))
    case $1 in probe) kill -KILL $running ;; writer) kill -KILL "$writer" ;; both) kill -KILL $running "$writer" ;; esac
    if [ "$1" = writer ]; then # the measurement goes on
        wait_until 5 has_sent red $((sent + 1500))
        grep -q 'its writer was ended, or the disk takes nothing; the measurement goes on without a record' "$dir/run.err"
        kill -INT $running
        ends 4 $running
    else
        ends 137 $running
    fi
    wait_until 5 writers_gone
    kept=$(probes_in "$dir/k.db")
    lost=$((sent - kept))
    if [ "$1" = writer ]; then # what is told of it is there
        jq -e --argjson kept "$kept" --argjson sent $sent '.record | .rows <= $kept + 50 and (.rows > 0 or $sent < 1000)' "$dir/k.json"
    fi
    echo "$1 killed at $sent: $lost are missing"
    [ "$lost" -lt 1000 ]
    shown "$dir/k.db" | found 'CUT SHORT, or not over yet'
}
for whom in probe writer both; do
    for at in 5 1100 1777 2350; do
        kill_at $whom $at
    done
done

echo "# another way, a pause, an ICMP error: events with their times, also of what was cut short"
rm -f "$dir"/k.db*
begin 50 --count 100000 --rate 1000 --record "$dir/k.db"
ip -n left route replace 198.51.100.0/24 via 100.84.1.1
shows() { probe show "$dir/k.db" --json | jq -e "$1"; }
wait_until 5 shows '[.record.events[].what] | index("route")'
kill -STOP $running
sleep 0.1
kill -CONT $running
wait_until 5 shows '[.record.events[].what] | index("pause")'
ip netns exec right nft 'add table t; add chain t in { type filter hook input priority 0; }
    add rule t in icmp type echo-request reject with icmp type admin-prohibited'
wait_until 5 shows '[.record.events[].what] | index("icmp")'
ip netns exec right nft flush ruleset
kill -KILL $running "$(pgrep -P $running)"
ends 137 $running
ip -n left route replace 198.51.100.0/24 via 100.80.1.1
shows '.result.kinds[0] | .route_changes[0].to.interface == "green" and .icmp_errors.count > 0 and .own.skipped > 10'
shown "$dir/k.db" | found -E '^  20.*Z  pause icmp 198.51.100.10: [0-9]+ slots left out'

echo "# on the disk every half a second or so: synced, not only written"
strace -f -o "$dir/strace" -e trace=fdatasync,fsync ip netns exec left probe run --carrier red --source 100.80.1.200 \
    --target 198.51.100.10 --icmp --count 1000 --rate 500 --wait 200 --record "$dir/s.db" >"$dir/run.txt"
[ "$(sql "$dir/s.db" "SELECT count(*) FROM probe")" = 1000 ]
before_end=$(grep -c sync "$dir/strace")
begun=$(strace -f -e trace=fdatasync,fsync ip netns exec left probe run --carrier red --source 100.80.1.200 \
    --target 198.51.100.10 --icmp --count 1 --rate 500 --wait 1 --record "$dir/t.db" 2>&1 >"$dir/run.txt" | grep -c sync)
[ $((before_end - begun)) -ge 4 ] || { echo "$before_end syncs in 2 s, $begun in none"; exit 1; }

echo "# read while it is written"
rm -f "$dir"/k.db*
begin 500 --count 100000 --rate 1000 --record "$dir/k.db"
some() { [ "$(probes_in "$dir/k.db")" -gt "$1" ]; }
wait_until 5 some 400
wait_until 5 some 1000
probe show "$dir/k.db" --json | jq -e '.cut_short and .record.ended == null and .result.interrupted'

echo "# hung up, interrupted, terminated: kept as such"
for signal in HUP INT TERM; do
    [ $signal = HUP ] || { rm -f "$dir"/k.db* && begin 300 --count 100000 --rate 1000 --record "$dir/k.db" --out "$dir/k.json"; }
    kill -$signal $running
    ends 4 $running
    grep -q '(cut short)' "$dir/run.txt"
    probe show "$dir/k.db" --json | jq -e '.cut_short == false and .result.interrupted and .record.ended != null'
done
cmp <(probe show "$dir/k.db" --json | jq -S .result) <(jq -S . "$dir/k.json")

echo "# a full disk stops the record, and not the measurement"
mkdir "$dir/full"
mount -t tmpfs -o size=512k tmpfs "$dir/full"
ip netns exec left probe run --carrier red --source 100.80.1.200 --target 198.51.100.10 --icmp --count 8000 --rate 4000 \
    --wait 200 --json --record "$dir/full/f.db" >"$dir/f.json" 2>"$dir/f.err"
grep -q "^$dir/full/f.db: database or disk is full; the measurement goes on without a record" "$dir/f.err"
fits probe <"$dir/f.json"
jq -e '.kinds[0] | .sent + .own.not_sent + .own.skipped >= 8000' "$dir/f.json"
jq -e '.record | .rows > 500 and .rows + .dropped == 8000 and (.error | test("disk is full"))' "$dir/f.json"
[ "$(probes_in "$dir/full/f.db")" -gt 500 ]
shown "$dir/full/f.db" | found 'CUT SHORT'
probe show "$dir/f.json" | found 'it ENDS EARLY: .*disk is full'
head -c 1m /dev/zero >"$dir/full/fill" || true
measure --icmp --count 20 --rate 400 --wait 200 --record "$dir/full/none.db" >"$dir/run.txt" 2>"$dir/run.err"
grep -q 'full; the measurement goes on without a record' "$dir/run.err"
grep -q '20 sent, 20 received' "$dir/run.txt"
[ ! -e "$dir/full/none.db" ]

echo "# a result that cannot be written is printed all the same: a folder that is not there, a full disk"
for out in "$dir/none/r.json" "$dir/full/r.json"; do
    code=0
    measure --icmp --count 20 --rate 400 --wait 200 --json --out "$out" >"$dir/run.json" 2>"$dir/run.err" || code=$?
    [ $code = 3 ]
    fits probe <"$dir/run.json"
    grep -qE "^$out: .*(No such file|No space left).*; the result is printed alone" "$dir/run.err"
done
umount "$dir/full"

echo "# a record is never written over, and a file that is none is refused in one line"
exits 2 measure --icmp --count 20 --record "$dir/r.db"
said "^$dir/r.db: is there already, expected a new file's name"
exits 2 measure --icmp --count 20 --record "$dir/r.json"
probe show "$dir/r.db" | found '800 probes'
python3 -c 'import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute("CREATE TABLE t (a)")' "$dir/other.db"
cp "$dir/r.db" "$dir/half.db"
truncate -s 40000 "$dir/half.db"
: >"$dir/empty"
for file in other.db half.db empty run.err none .; do
    exits 2 probe show "$dir/$file"
    [ "$(wc -l <"$dir/said")" = 1 ]
done
