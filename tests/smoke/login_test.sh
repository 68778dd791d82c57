#!/bin/bash
# 200 sessions on a real MQTT broker: the login check sees every break, tells its cause and the broken
# connection's address, and brings every session back.
. "$(dirname "$0")/_init.sh"

ns red-clients broker
veth red-clients c0 broker b0
ip -n red-clients address add 100.80.0.254/23 dev c0
for i in {1..40}; do ip -n red-clients address add "100.80.0.$i/23" dev c0; done
ip -n broker address add 100.80.1.254/23 dev b0
ip -n broker address add 198.51.100.10/32 dev lo
ip -n red-clients route add 198.51.100.10 via 100.80.1.254

sed -e 's/"sessions_per_carrier": 1000/"sessions_per_carrier": 200/' \
    -e 's/"sources_per_carrier": 300/"sources_per_carrier": 40/' \
    -e 's/"shared_source_sessions": 200/"shared_source_sessions": 50/' \
    -e 's/"timeout_ms": 2000/"timeout_ms": 1000/' \
    -e 's/"every_ms": 2000/"every_ms": 500/' tests/lab/inventory.json >"$dir/inventory.json"
printf 'listener 1883 198.51.100.10\nallow_anonymous true\nmax_keepalive 65535\n' >"$dir/broker.conf"

broker() {
    ip netns exec broker mosquitto -c "$dir/broker.conf" >"$dir/broker.log" 2>&1 &
    broker=$!
}
login() { cutover login "$1" --dir "$dir/logins" "${@:2}"; }
figure() { login status --json | python3 -c "import json, sys; print(json.load(sys.stdin)$1)"; }
is() { [ "$(figure "$1")" = "$2" ]; }
least() { [ "$(figure "$1")" -ge "$2" ]; }
all_up() { login wait --up 100 --timeout 10 >"$dir/wait.log"; }
start() { login start --inventory "$dir/inventory.json" --login meter --carrier red --ramp 1000 --canaries-per-s 10 --backoff-max-ms 1000; }
held() { ip netns exec red-clients ss -Htn state established dst 198.51.100.10 | awk '{print $3}' | sort; }
gaps() { # CAUSE: the broken connections' addresses
    sed -n "/\"cause\":\"$1\"/s/.*\"local\":\"\([^\"]*\)\".*/\1/p" "$dir/logins/red/gaps.jsonl" | sort
}

broker
wait_until 5 grep -q running "$dir/broker.log"
start
all_up
login status --json | fits login-summary
fits login-agents <"$dir/logins/agents.json"
fails start 2>"$dir/again.log"
grep -q 'runs here already' "$dir/again.log"

echo "from 40 addresses, 50 sessions behind the first"
test "$(held | cut -d: -f1 | uniq | wc -l)" = 40
test "$(held | grep -c '^100.80.0.1:')" -ge 50
wait_until 5 least "['heartbeats_ok']" 400
test "$(figure "['broken']") $(figure "['gaps']") $(figure "['canary']['failed']")" = "0 0 0"

echo "the broker hangs: late answers, no session lost"
kill -STOP "$broker"
wait_until 5 is "['overdue']" 200
kill -CONT "$broker"
all_up
wait_until 3 least "['slow']" 200
test "$(figure "['broken']")" = 0

echo "the broker dies and comes back: every session breaks and is there again"
held >"$dir/before"
kill -KILL "$broker"
wait "$broker" || true
wait_until 5 is "['broken']" 200
wait_until 5 is "['open_gaps']['count']" 200
broker
all_up
wait_until 3 is "['broken']" 200
{ gaps closed; gaps reset; } | sort >"$dir/broken"
test "$(wc -l <"$dir/broken")" = 200
test -z "$(comm -13 "$dir/before" "$dir/broken")"
test "$(grep -h '"relogin":true' "$dir/logins/red/gaps.jsonl" | cut -d, -f1 | sort -u | wc -l)" = 200

echo "resets on every connection"
held >"$dir/before"
ip netns exec broker ss -K state established src 198.51.100.10 >/dev/null
wait_until 5 is "['broken']" 400
all_up
wait_until 3 is "['open_gaps']['count']" 0
test "$(comm -12 "$dir/before" <(gaps reset) | wc -l)" -ge 200

echo "ended with a last status; the sum is exact"
login report --json >"$dir/report.json"
fits login-report <"$dir/report.json"
login stop --json | fits login-summary
grep -q '"ended":true' "$dir/logins/red/status.json"
fits login-status <"$dir/logins/red/status.json"
fits --lines login-status <"$dir/logins/red/series.jsonl"
fits --lines login-gaps <"$dir/logins/red/gaps.jsonl"
test "$(ip netns exec red-clients ss -Htn state established | wc -l)" = 0
python3 - "$dir" <<'PYTHON'
import json, sys
report = json.load(open(sys.argv[1] + "/report.json"))
assert report["sessions"] == report["up"] == 200, report
assert report["relogins"] == 400 and report["open_gaps"] == 0 and report["bad_lines"] == 0, report
assert report["gaps"] == sum(report["causes"].values()) and report["causes"]["slow"] >= 200, report
assert report["gap_ms"]["max"] < 8000, report
PYTHON

echo "what cannot be recorded ends the agent, with a word"
mkdir "$dir/full"
mount -t tmpfs -o size=12k tmpfs "$dir/full"
ip netns exec red-clients timeout 10 cutover login run --inventory "$dir/inventory.json" --login meter --carrier red --dir "$dir/full" \
    2>"$dir/full.log" && code=0 || code=$?
test "$code" = 3
grep -q 'cannot be written: No space left' "$dir/full.log"
