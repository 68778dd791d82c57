#!/bin/bash
# interval_set.sh ELEMENTS ROUNDS: what a set of intervals costs when one of its elements has changed at
# the old site: prints {"plan_s": [...], "apply_s": [...]}, seconds of lbsync plan and apply.
# shellcheck source=tests/bench/lbsync/_init.sh
. "$(dirname "$0")/_init.sh" "$@"
elements=${1:-100000} rounds=${2:-3}

# shellcheck source=tests/smoke/_lbsync.sh
. tests/smoke/_lbsync.sh
lbsync_world

# Every second /28 from 20.0.0.0 on, so that none is a neighbour's, and a server.
{
    echo "table inet t { set s { type ipv4_addr; flags interval; elements = { 10.1.1.11"
    awk -v n="$elements" 'BEGIN { for (i = 0; i < n - 1; ++i)
        printf ", %d.%d.%d.%d/28", 20 + int(i / 524288), int(i / 2048) % 256, int(i / 8) % 256, i % 8 * 32 }'
    printf ' }\n}\nchain c { type filter hook input priority 0; ip saddr @s accept; }\n}\n'
} >"$dir/rules"
on old-gw nft -f "$dir/rules"
lb apply >/dev/null

seconds() { # COMMAND...: how long it takes
    local begin=$EPOCHREALTIME code=0
    "$@" >"$dir/said" 2>&1 || code=$?
    [ $code -le 1 ] || { cat "$dir/said" >&2; return 3; }
    awk -v begin="$begin" -v end="$EPOCHREALTIME" 'BEGIN { printf "%.3f\n", end - begin }'
}
for ((round = 0; round < rounds; ++round)); do
    on old-gw nft "delete element inet t s { 20.0.$((round / 8)).$((round % 8 * 32))/28 }; add element inet t s { 99.0.0.$round }"
    seconds lb plan >>"$dir/plan"
    seconds lb apply >>"$dir/apply"
    lb verify >/dev/null
done
jq -n --slurpfile plan "$dir/plan" --slurpfile apply "$dir/apply" '{plan_s: $plan, apply_s: $apply}'
