#!/bin/bash
# What vipd shows of its packets and flows: why, capture, flows, top, metrics, beside real traffic.
. "$(dirname "$0")/_init.sh"
# shellcheck source=tests/smoke/_vipd.sh
. "$here/_vipd.sh"

vipd_world
syn="tcp 10.9.0.2:40000 > 198.51.100.10:1883 syn"

# ---- why, before there is any traffic: nothing is changed by asking
# (The server has not been asked for yet: nobody can say that the packet will get there.)
code=0
ctl old why "$syn" >"$dir/why.txt" || code=$?
[ "$code" = 4 ]
grep -q '^waits to leave by servers to 10.1.0.2, which the kernel has yet to resolve' "$dir/why.txt"
on old-gw ping -c 1 -W 2 10.1.0.2 >"$dir/ping"
resolved() { ctl old why "$syn" >"$dir/why.txt"; }
wait_until 5 resolved
grep -q 'flow .*new: server s1 (10.1.0.2:1883)' "$dir/why.txt"
grep -q '^forwarded by servers to 10.1.0.2' "$dir/why.txt"
grep -q '^  tcp 10.9.0.2:40000 > 10.1.0.2:1883 syn ttl 63$' "$dir/why.txt"
[ "$(ctl old flows --count)" = 0 ]
code=0
ctl old why "tcp 10.9.0.2:40000 > 198.51.100.10:99 syn" --json >"$dir/why.json" || code=$?
[ "$code" = 1 ]
[ "$(jq -r .drop.reason "$dir/why.json")" = no_service ]
[ "$(ctl old stats --json | jq .drops.no_service)" = 0 ]
code=0
ctl old why "tcp nowhere > 198.51.100.10:1883" 2>"$dir/error" || code=$?
[ "$code" = 2 ]
grep -q 'column 5: "nowhere", expected an end' "$dir/error"

# ---- the same offline, with what iproute2 says here
{ ip -n old-gw -json route; ip -n old-gw -6 -json route; ip -n old-gw -json neighbour; } >"$dir/routes.json"
vipd why --config "$dir/old.json" --routes "$dir/routes.json" "$syn" >"$dir/offline.txt"
grep -q '^  tcp 10.9.0.2:40000 > 10.1.0.2:1883 syn ttl 63$' "$dir/offline.txt"

# ---- a capture while clients talk; the comments say where their packets went
on old-s python3 tests/smoke/peers.py names 1883 old-s &
wait_until 5 on old-s bash -c 'exec 3<>/dev/tcp/10.1.0.2/1883'
vipctl --socket "$dir/old.sock" capture --out "$dir/all.pcapng" --seconds 60 --direction both 2>"$dir/progress" &
capture=$!
wait_until 5 test -s "$dir/all.pcapng"
fails ctl old capture --out "$dir/second.pcapng" --seconds 1 2>"$dir/error"
grep -q 'a capture runs already' "$dir/error"
refused() { on client timeout 0.3 bash -c 'exec 3<>/dev/tcp/198.51.100.10/99' 2>/dev/null || true; }
refused
mkfifo "$dir/hold"
on client python3 tests/smoke/peers.py hold 198.51.100.10 1883 <"$dir/hold" >"$dir/held" &
exec 4>"$dir/hold"
echo ask >&4
wait_until 5 grep -q old-s "$dir/held"
ctl old flows --client 10.9.0.2 --vip 198.51.100.10:1883 --server 10.1.0.0/24 --state established --json >"$dir/flows.json"
[ "$(jq -r '.flows[] | "\(.protocol) \(.server) \(.state) \(.way_back) \(.service)"' "$dir/flows.json")" = \
    "tcp 10.1.0.2:1883 established line red meters" ]
client=$(jq -r '.flows[0].client' "$dir/flows.json")
ctl old why "tcp $client > 198.51.100.10:1883 ack 1" | found 'flow .*entry: server 10.1.0.2:1883'
[ "$(ctl old flows --client 10.9.0.3 --count)" = 0 ]
[ "$(ctl old flows --vip 198.51.100.10 --count)" = 1 ]
kill -INT "$capture"
wait "$capture"
grep -q '[0-9] packets' "$dir/progress"
fails grep -q missed "$dir/progress"
tcpdump -n -vv -r "$dir/all.pcapng" >"$dir/all.txt" 2>&1
grep -q '10.9.0.2.* > 198.51.100.10.1883: Flags \[S\]' "$dir/all.txt"
grep -q '10.9.0.2.* > 10.1.0.2.1883: Flags \[S\]' "$dir/all.txt" # as it was sent
fails grep -E 'truncated|bad length|\(incorrect' "$dir/all.txt"
grep -aq 'forwarded by servers' "$dir/all.pcapng"
grep -aq 'dropped: no_service' "$dir/all.pcapng"

# ---- only drops, only so many, by a filter, into a pipe
{ for _ in 1 2 3 4 5 6; do refused; done; } &
ctl old capture --out - --drop no_service --count 3 --filter 'tcp port 99' --snap 60 --seconds 20 2>/dev/null |
    tcpdump -n -r - >"$dir/drops.txt" 2>/dev/null
[ "$(grep -c '198.51.100.10.99: Flags \[S\]' "$dir/drops.txt")" = 3 ]
[ "$(wc -l <"$dir/drops.txt")" = 3 ]
fails ctl old capture --out "$dir/x" --filter 'port port' 2>"$dir/error"
grep -q 'filter "port port": ' "$dir/error"
fails ctl old capture --out "$dir/x" --drop nonsense
fails ctl old capture --out "$dir/x" --port nowhere

# ---- the busiest: what is sampled comes near what was sent
on client ping -q -f -c 20000 198.51.100.10 >/dev/null &
ctl old top --by client --seconds 3 --json >"$dir/top.json"
[ "$(jq -r '.entries[0].key' "$dir/top.json")" = 10.9.0.2 ]
packets=$(jq .entries[0].packets "$dir/top.json")
seen=$(jq .packets "$dir/top.json")
[ "$packets" -gt 0 ] && [ "$packets" -le "$seen" ]
ctl old top --by server --seconds 1 >/dev/null
fails ctl old top --by nothing

# ---- the gateway again and again: on a terminal in its size, until Ctrl-C; elsewhere one behind another
ctl old status | found '^meters .* served '
ctl old status | found '^ .* s1 .* 10.1.0.2:.* takes '
python3 tests/smoke/terminal.py "$dir/screen" vipctl status --watch --seconds 1 --socket "$dir/old.sock" <<'SCREEN'
see gateway  old-gw
see service
size 8 40
see lines more
lack service
size 200 200
see service
type ^C
SCREEN
timeout -s INT 3 vipctl status --watch --seconds 1 --json --socket "$dir/old.sock" >"$dir/watched" || [ $? = 124 ]
[ "$(wc -l <"$dir/watched")" -ge 2 ]
fits --lines vipd-status <"$dir/watched"
fails ctl old status --seconds 1

# ---- metrics: every drop reason, and a figure that has happened
ctl old metrics >"$dir/metrics"
while read -r reason _; do
    grep -q "^rehome_vipd_drops_total{reason=\"$reason\"} [0-9]*$" "$dir/metrics"
done < <(vipd drops)
[ "$(sed -n 's/^rehome_vipd_drops_total{reason="no_service"} //p' "$dir/metrics")" -ge 7 ]
grep -qx 'rehome_vipd_line_enabled{carrier="red"} 1' "$dir/metrics"
fails grep -vE '^(# (HELP|TYPE) rehome_vipd_[a-z_]+ .+|rehome_vipd_[a-z_]+(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? [0-9]+)$' "$dir/metrics"
