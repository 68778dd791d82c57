#!/bin/bash
# How far the pace at which sessions really end is from the one that was ordered, 10,000 a second, as JSON: make
# bench-vipd ARGS=operation.
# shellcheck source=tests/smoke/_init.sh
. "$(dirname "$0")/../../smoke/_init.sh"
# shellcheck source=tests/smoke/_vipd.sh
. "$here/_vipd.sh"
rate=10000
ulimit -n "$(ulimit -Hn)"
most=$(($(ulimit -n) - 500)) # that a process may hold
sessions=$((most < 40000 ? most : 40000))
vipd_change='.flows = {"capacity": 131072, "half_open": 131072}'
vipd_world >&2
for i in {20..23}; do ip -n client address add "10.9.0.$i/24" dev c0; done
for space in client old-s; do
    ip netns exec $space sysctl -qw net.ipv4.ip_local_port_range="1024 65535" net.ipv4.tcp_max_syn_backlog=65536 \
        net.core.somaxconn=65536
done
on old-s python3 tests/bench/sessions_held.py serve 1883 &
wait_until 10 on old-s bash -c 'exec 3<>/dev/tcp/10.1.0.2/1883'
on client python3 tests/bench/sessions_held.py hold 198.51.100.10 1883 $sessions 10.9.0.20 4 >"$dir/held" &
wait_until 120 grep -q ready "$dir/held"
ctl old weak site old --here --rate $rate --wait >&2
ended() { grep -q '^{' "$dir/held"; }
wait_until 30 ended
jq --argjson rate $rate 'select(.ended) | {reset_rate_error: ((.per_s / $rate - 1) | fabs), reset_rate: .}' \
    < <(grep '^{' "$dir/held")
