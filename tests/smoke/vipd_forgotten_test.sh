#!/bin/bash
# A gateway crashes while half of the clients are relayed: who forgot a flow asks the other site for it, and takes it up
# itself where that does not know it either.  No session breaks, whichever of the two it was.
. "$(dirname "$0")/_init.sh"
# shellcheck source=tests/smoke/_vipd.sh
. "$here/_vipd.sh"
vipd_world
for server in old-s new-s; do on "$server" python3 tests/smoke/peers.py names 1883 "$server" & done
wait_until 5 on client python3 tests/smoke/peers.py ask 198.51.100.10 1883 >/dev/null
ctl old share 50 --by address-port

count=200
mkfifo "$dir/crowd"
on client python3 tests/smoke/peers.py crowd 198.51.100.10 1883 $count <"$dir/crowd" >"$dir/said" &
exec 6>"$dir/crowd"
wait_until 20 grep -q ready "$dir/said"
answers() { grep -c '^{' "$dir/said" || true; }
answered() { [ "$(answers)" -gt "$1" ]; }
asked() {
    local before
    before=$(answers)
    echo ask >&6
    wait_until 60 answered "$before"
    tail -n 1 "$dir/said"
}

served=$(asked)
jq -e '.["old-s"] > 50 and .["new-s"] > 50 and length == 2' <<<"$served"
for gateway in old new; do
    echo "the $gateway site's gateway crashes"
    stop_gateway $gateway KILL
    restart_gateway $gateway
    # At once: what comes before it has heard its peer is dropped, and said again.
    [ "$(asked)" = "$served" ]
done
