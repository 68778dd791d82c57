#!/bin/bash
# What SYN probes do to a service: probe's SYNs for a minute to a real listener, and real logins beside.
#
#   tests/bench/probe_syn.sh [RATE...]        packets a second, default 150; BUILD is the build folder
#
# A listener (Linux, Python's socket server, accept queue of 128) behind a line with 25 ms of delay
# each way and 1 % of loss.  A row with the resets of probe, and one where a firewall eats them.  Each
# second: connections in SYN_RECV; at the end the kernel's counters of SYN protection and overflow,
# and how long real connections took meanwhile.  Prints a table.
# shellcheck source=tests/smoke/_init.sh
. "$(dirname "$0")/../smoke/_init.sh"
# shellcheck source=tests/smoke/_probe.sh
. "$here/_probe.sh"

seconds=${SECONDS_A_ROW:-60}
line_world
line_set delay=25ms loss=1%
on right python3 -c '
import socket
server = socket.create_server(("198.51.100.10", 1883), backlog=128)
while True:
    server.accept()[0].close()' &
wait_until 5 sh -c 'ip netns exec right ss -Hltn | grep -q 198.51.100.10:1883'

counter() { on right nstat -asz "$1" | awk -v name="$1" '$1 == name { print $2 }'; }
counters=(TcpExtTCPReqQFullDoCookies TcpExtTCPReqQFullDrop TcpExtSyncookiesSent TcpExtListenOverflows TcpExtListenDrops)

# row NAME RATE: what a minute does; RATE 0: no probes.
row() {
    local name=$1 rate=$2 before=() after=() most i now
    for i in "${counters[@]}"; do before+=("$(counter "$i")"); done
    if [ "$rate" != 0 ]; then
        run_left --tcp --count $((rate * seconds)) --rate "$rate" --wait 1000 >"$dir/run.json" &
        running=$!
    fi
    on left python3 -c '
import socket, statistics, sys, time
took, end = [], time.monotonic() + float(sys.argv[1])
while time.monotonic() < end:
    began = time.monotonic()
    with socket.create_connection(("198.51.100.10", 1883), timeout=10, source_address=("100.80.1.200", 0)):
        took.append(1000 * (time.monotonic() - began))
    time.sleep(max(0, .1 - took[-1] / 1000))
print(f"{statistics.median(took):.1f} {statistics.quantiles(took, n=100)[98]:.0f} {sum(t > 900 for t in took)} {len(took)}")
' "$seconds" >"$dir/logins" &
    logins=$!
    most=0
    while kill -0 $logins 2>"$dir/null"; do
        now=$(on right ss -Hnt state syn-recv | wc -l)
        [ "$now" -le "$most" ] || most=$now
        sleep 1
    done
    [ "$rate" = 0 ] || wait "$running"
    for i in "${counters[@]}"; do after+=("$(counter "$i")"); done
    printf '%-34s  SYN_RECV at most %5d ' "$name" "$most"
    for i in "${!counters[@]}"; do printf ' %s %d' "${counters[i]#TcpExt}" $((after[i] - before[i])); done
    printf '  logins: median, p99 ms, over 900 ms, of: %s\n' "$(cat "$dir/logins")"
}

none_half_open() { [ -z "$(on right ss -Hnt state syn-recv)" ]; }

row 'no probes' 0
for rate in "${@:-150}"; do
    row "$rate SYNs a second" "$rate"
    ip netns exec right nft 'add table t; add chain t in { type filter hook input priority 0; }
        add rule t in tcp flags & rst == rst drop'
    row "$rate a second, resets eaten" "$rate"
    ip netns exec right nft flush ruleset
    wait_until 90 none_half_open
done
