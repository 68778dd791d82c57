#!/bin/bash
# What 1,000 health checks a second cost, as JSON: make bench-vipd ARGS=operation.
#
#   health_1000_core_share  CPU time of all of vipd's threads, over that of as long without checks, by the time
#                           that passed; at 1,000 TCP connections a second to as many endpoints
#   health_softirq_share    the same of the whole machine's softirq time by its ticks: what is in the share already, and
#                           what was left to ksoftirqd, whoever caused it
#   health_checks_per_s     how many ran, as counted
#
# By the scheduler's count (schedstat), which has the softirq time of what a thread sends and receives in it where
# the kernel does not account for it apart (CONFIG_IRQ_TIME_ACCOUNTING).  The wires are veth pairs: what the servers' kernel does to answer runs in the sender's time too, and is counted with it.
# shellcheck source=tests/smoke/_init.sh
. "$(dirname "$0")/../../smoke/_init.sh"
# shellcheck disable=SC2016  # it is jq's
export vipd_change='.services[0].servers[0].address as $server |
    .services[0].servers = [range(1000) | {name: "s\(.)", address: $server, port: (10000 + .)}]'
# shellcheck source=tests/smoke/_vipd.sh
. tests/smoke/_vipd.sh
rounds=3 seconds=10
vipd_world
on old-s python3 -c '
import signal, socket
ends = [socket.create_server(("10.1.0.2", 10000 + i), backlog=64) for i in range(1000)]
signal.pause()' &
listens() { [ "$(on old-s ss -Hltn | wc -l)" -ge 1000 ]; }
wait_until 10 listens
pid=$(pgrep -f "^vipd run --config $dir/old.json" | head -n 1)
spent() { cat "/proc/$pid"/task/*/schedstat | awk '{ sum += $1 } END { printf "%.0f\n", sum }'; } # ns
soft() { awk '/^cpu / { print $8 }' /proc/stat; } # ticks of softirqs, of the whole machine
run() { ctl old stats --json | jq .health.run; }
checked() { # true|false
    jq "if $1 then .services[0].health = {kind: \"tcp\", interval_ms: 1000, timeout_ms: 500} else del(.services[0].health) end" \
        "$dir/old.json" >"$dir/changed.json"
    cat "$dir/changed.json" >"$dir/old.json"
    ctl old reload >/dev/null
}
share() { # of a core, over so many seconds
    local before ticks began
    before=$(spent) ticks=$(soft) began=${EPOCHREALTIME/./}
    sleep $seconds
    awk "BEGIN { t = ${EPOCHREALTIME/./} - $began
        printf \"%.4f %.4f\n\", ($(spent) - $before) / 1000 / t, ($(soft) - $ticks) * 1e6 / $(getconf CLK_TCK) / t }"
}
all_up() { [ "$(figure old '[.health.servers[] | select(.state == "up")] | length')" = 1000 ]; }
shares=() rates=() softs=()
for ((round = 0; round < rounds; round++)); do
    checked false
    read -r idle idle_soft <<<"$(share)"
    checked true
    wait_until 10 all_up
    before=$(run)
    read -r with with_soft <<<"$(share)"
    rates+=($((($(run) - before) / seconds)))
    shares+=("$(awk "BEGIN { printf \"%.4f\", $with - $idle }")")
    softs+=("$(awk "BEGIN { printf \"%.4f\", $with_soft - $idle_soft }")")
done
failed=$(ctl old stats --json | jq .health.failed)
printf '%s\n' "${shares[@]}" | jq -s --argjson rates "$(printf '%s\n' "${rates[@]}" | jq -s .)" --argjson failed "$failed" \
    --argjson softs "$(printf '%s\n' "${softs[@]}" | jq -s .)" \
    'sort | {health_1000_core_share: .[0], health_1000_core_share_median: .[length / 2 | floor],
        health_softirq_share: ($softs | min), health_checks_per_s: ($rates | min), health_checks_failed: $failed}'
