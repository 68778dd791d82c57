#!/bin/bash
# The rows of tests/data/packets through the real vipd on pcap ports; scapy and tcpdump judge the
# checksums (see vipd_rows.py).  A file's packets are read as soon as vipd runs, in a fixed order.
#
# Runs alone: the gateway answers to files that do not wait for it.
. "$(dirname "$0")/_init.sh"

ctl() { vipctl "$@" --socket "$dir/vipd.sock"; }
all_read() { [ "$(ctl stats --json | jq .drops.truncated)" -ge "$1" ]; }

run_rows() { # ROWS
    local gateway=gw$((++count)) vipd
    ns6 "$gateway"
    ip netns exec "$gateway" sysctl -qw net.ipv6.conf.default.addr_gen_mode=1
    /usr/bin/python3 tests/smoke/vipd_rows.py kernel | ip -n "$gateway" -batch -
    /usr/bin/python3 tests/smoke/vipd_rows.py write "$1" "$dir"
    rm -f /var/lib/rehome/* # of the run before: this gateway has never had a flow that a peer may know
    ip netns exec "$gateway" vipd run --config "$dir/gateway.json" >"$dir/log" 2>&1 &
    vipd=$!
    wait_until 20 grep -q ready "$dir/log" || { cat "$dir/log" >&2; return 1; }
    wait_until 10 all_read "$(/usr/bin/python3 tests/smoke/vipd_rows.py fillers "$1")"
    sleep 0.1 # the last burst
    ctl stats --json >"$dir/stats.json"
    kill "$vipd"
    wait "$vipd" || true # what is sent is in the files now
    /usr/bin/python3 tests/smoke/vipd_rows.py check "$1" "$dir" "$dir/stats.json"
}

count=0
for file in tests/data/packets/*.rows; do
    "$BUILD/test/packet-rows" "$file" >"$dir/rows.json"
    if [ "$(jq .core "$dir/rows.json")" = true ]; then
        echo "$file: for the core alone"
        continue
    fi
    echo "$file"
    run_rows "$dir/rows.json"
done
