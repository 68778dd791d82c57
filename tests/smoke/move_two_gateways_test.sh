#!/bin/bash
# A move between sites of two gateways each, of which the second has the line to blue: the plan walks all of them.
. "$(dirname "$0")/_init.sh"
. tests/smoke/_move.sh
move_lab --gateways 2

echo "the move"
start_move
wait "$move" || { cat "$out/move.log"; exit 1; }
grep -q "all .* steps are done" "$out/move.log"
wait_until 10 logins_are '.up == .wanted' true
[ "$("$lab" spoofed | jq .total)" = 0 ]

echo "each gateway has given up, or taken over, its own lines"
lines() { # GATEWAY: "CARRIER enabled|disabled", a line each
    in_lab ip netns exec "$1" vipctl --socket "/run/rehome/$1/vipd.sock" status --json |
        jq -r '.lines[] | "\(.carrier) \(.state)"' | sort | paste -sd' '
}
[ "$(lines old-gw)" = 'green disabled red disabled' ]
[ "$(lines old-gw2)" = 'blue disabled' ]
[ "$(lines new-gw)" = 'green enabled red enabled' ]
[ "$(lines new-gw2)" = 'blue enabled' ]

echo "and the way back"
in_lab cutover undo --journal "$journal" >"$out/move.log" 2>&1 || { cat "$out/move.log"; exit 1; }
wait_until 10 logins_are '.up == .wanted' true
[ "$(lines old-gw2)" = 'blue enabled' ]
[ "$(lines new-gw2)" = 'blue disabled' ]
